from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import Clock, utc_now
from case_mgmt.api import application
from deploy import keys
from deploy.site import Site
from tests.conftest import NewDatabase
from tests.support.case_mgmt import SECRET


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("case_mgmt")


@pytest.fixture
def clock() -> Clock:
    """The clock of the API; a module whose tests are about time has its own."""
    return utc_now


@pytest.fixture
async def api(engine: AsyncEngine, site: Site, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """The API, asked by the agent amara."""
    token = keys.token(site.secrets, role=Role.AGENT, name="amara", now=utc_now())
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(site.secrets)))
    app = application(engine, access, ChangeFeed(engine), clock, token_secret=SECRET)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    ) as client:
        yield client
