"""What ingest-direct does by itself."""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from ingest_direct import store

EVERY = timedelta(minutes=10)


async def delete_unused_attachments(engine: AsyncEngine, kept_for: timedelta) -> None:
    """Deletes, again and again, files that no interaction used within `kept_for`. Waits out a database that is away."""
    while True:
        try:
            async with engine.begin() as tx:
                await store.attachments.delete_unused(tx, kept_for)
        except Exception as error:
            if not is_transient(error):
                raise
        await asyncio.sleep(EVERY.total_seconds())
