"""The desktop with the real sign-in provider, and the services that tests ask for, started one by one."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.site import Ports, Site
from deploy.stack import Stack
from tests.support.browser import Browser

SERVICES = ("customer-profile", "case-mgmt", "routing")


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Kafka, the provider, the three services that have streams, and the desktop."""
    running = Stack(Site(tmp_path_factory.mktemp("desktop"), Ports.free(), durable=False), desktop=True)
    try:
        running.start_infrastructure()
        for service in (*SERVICES, "desktop"):
            running.start_service(service, wait=False)
        for service in (*SERVICES, "desktop"):
            running.wait_ready(service)
        yield running
    finally:
        running.stop()


@pytest.fixture
async def browser(stack: Stack) -> AsyncIterator[Browser]:
    async with Browser(stack.site.pages) as one:
        yield one


@pytest.fixture
async def elena(stack: Stack, browser: Browser) -> Browser:
    """A browser in which Elena is signed in; it is the only session."""
    await asyncio.to_thread(stack.postgres.sql, "desktop", "delete from session")
    await browser.sign_in("elena")
    return browser
