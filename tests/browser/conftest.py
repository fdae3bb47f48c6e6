"""The whole system with its desktop, anew for each module: what one leaves waiting is not offered in another. One Chromium."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from playwright.async_api import Browser, StorageState, async_playwright

from deploy.site import Ports, Site
from deploy.stack import Stack
from tests.support.desk import MARKUP, Desk, Known
from tests.support.people import People

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(Site(tmp_path_factory.mktemp("desk"), Ports.free(), durable=False), desktop=True) as running:
        yield running


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def signed_in() -> dict[str, StorageState]:
    return {}


@pytest.fixture(scope="module")
async def known(stack: Stack) -> Known:
    async with httpx.AsyncClient(timeout=30) as http:
        people = People(stack, http)
        address = "markup@mail.example"
        people.mail(
            f'"{MARKUP}" <{address}>', f"My rates: {MARKUP}", subject=f"Rates {MARKUP}", envelope=address
        )
        interaction, *_ = await people.timeline(f"email:{address}")
        customer = await people.customer(f"email:{address}")
        return Known(interaction["case_id"], customer["customer_id"])


@pytest.fixture
async def desk(
    stack: Stack, chromium: Browser, signed_in: dict[str, StorageState], request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    """The desktop. Afterwards everybody is offline, and no page may have had a fault."""
    async with httpx.AsyncClient(timeout=30) as http:
        desk = Desk(stack, People(stack, http), chromium, signed_in)
        desk.reported = desk.reports()
        yield desk
        failed = getattr(request.node, "failed", False)
        if failed or desk.faults:
            await desk.keep(request.node.name)
        await desk.close()
        for agent in list(desk.people.present):
            await desk.people.presence(agent, "offline")
        assert not desk.faults
        assert desk.reports() == desk.reported, "a page broke its content policy: see desktop.log"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call" and report.failed:  # pyright: ignore[reportAttributeAccessIssue]
        item.failed = True  # pyright: ignore[reportAttributeAccessIssue]
    return report  # pyright: ignore[reportReturnType]
