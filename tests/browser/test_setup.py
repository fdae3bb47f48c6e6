"""A system without the example: an administrator sets it up, and then it works."""

from collections.abc import Iterator

import pytest
from playwright.async_api import StorageState, expect

from deploy.site import EMPTY, Ports, Site
from deploy.stack import Stack
from tests.support.desk import Desk, violations


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    site = Site(tmp_path_factory.mktemp("empty"), Ports.free(), organisation=EMPTY, durable=False)
    with Stack(site, desktop=True) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in() -> dict[str, StorageState]:
    return {}


async def test_four_steps_set_an_empty_system_up_and_the_first_mail_is_offered(desk: Desk) -> None:
    page = await desk.open("admin")
    await expect(page).to_have_url(f"{desk.address}/setup")
    name, step = page.get_by_label("Name of the organisation"), page.get_by_role("heading", level=2)
    await page.get_by_role("button", name="Next").click()
    await expect(name).to_be_focused()
    await expect(page.get_by_text("This is needed.")).to_be_visible()
    assert await violations(page) == []
    await name.fill("Water: board & sons")
    await page.keyboard.press("Enter")
    await expect(step).to_have_text("Mailbox")
    await page.get_by_label("Mail address").fill("help@water.example")
    await page.keyboard.press("Enter")
    await expect(step).to_have_text("First queue")
    await page.get_by_label("Name of the queue").fill("Front desk")
    await page.get_by_role("radio", name="All hours").click()
    assert await violations(page) == []
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_label("Sign-in name")).to_have_value("admin")
    await page.get_by_role("button", name="Publish").click()
    await page.get_by_role("button", name="Open the inbox").click(timeout=30_000)
    await expect(page).to_have_url(f"{desk.address}/inbox")
    await expect(page.get_by_text("Write a mail to help@water.example").first).to_be_visible()

    await desk.people.presence("admin", "available")
    desk.people.mail("jo@home.example", "The tap drips.", to="help@water.example", subject="Tap")
    work = await desk.people.take("admin")
    assert (work["queue"], work["subject"]) == ("front-desk", "Tap")
