"""Bluesky for real: one PDS a session, one council account a test."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from deploy.world import Pds
from tests.conftest import NewDatabase
from tests.support.bluesky import PASSWORD, World


@pytest.fixture
async def world(new_database: NewDatabase, pds: Pds) -> AsyncIterator[World]:
    handle = f"c{uuid4().hex[:10]}.test"
    did = await asyncio.to_thread(pds.account, handle, PASSWORD)
    async with httpx.AsyncClient(timeout=30) as http:
        made = World(await new_database("ingest_social"), pds, http, handle, did)
        yield made
        await made.network.close()
