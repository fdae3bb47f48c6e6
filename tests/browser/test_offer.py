"""An offer on the page of an agent: it is noticed, answered, runs out, or goes to somebody else."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from playwright.async_api import Page, Route, expect

from antiphon.process.clock import utc_now
from tests.support.desk import Desk, violations
from tests.support.planning import Planning

# The sentences that screen readers speak at once, each as often as it is given to them.
_LISTEN = """() => {
  window.spoken = []
  const at = document.querySelector('[data-announcements=assertive]')
  new MutationObserver(() => window.spoken.push(at.textContent)).observe(at, { childList: true, characterData: true, subtree: true })
}"""


@pytest.fixture
async def planning(desk: Desk) -> AsyncIterator[Planning]:
    planning = Planning(desk.people)
    yield planning
    for agent in ("elena", "farid"):
        await desk.people.presence(agent, "offline")
    await planning.finish()


async def _row(page: Page, subject: str) -> None:
    """The row is in the list of the person's own work."""
    await expect(page.get_by_role("link", name="My work")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_role("option", name=subject)).to_be_visible()


async def test_an_offer_is_said_once_with_title_and_the_servers_countdown(
    desk: Desk, planning: Planning
) -> None:
    page = await (await desk.context("elena")).new_page()
    await page.clock.set_system_time(datetime.now() - timedelta(minutes=5))  # noqa: DTZ005, TID251
    await page.goto("/preferences")
    await expect(page.get_by_role("button", name=re.compile("Your presence"))).to_be_visible()
    await page.evaluate(_LISTEN)
    await planning.write("Permit for a carport")
    await desk.people.presence("elena", "available")
    offer = page.get_by_role("region", name="Offer")
    await expect(offer).to_contain_text("Permit for a carport")
    await expect(offer).to_contain_text("The rule “Planning” put it into Planning.")
    await expect(page).to_have_title("(1) Offer: Permit for a carport")
    (pending,) = await desk.people.offers("elena")
    expires = datetime.fromisoformat(pending["expires_at"])
    timer = offer.get_by_role("timer")
    before = (expires - utc_now()).total_seconds()
    shown = await timer.inner_text()
    after = (expires - utc_now()).total_seconds()
    assert after - 3 <= int(shown.removeprefix("0:")) <= before + 3
    await expect(timer).not_to_have_text(shown)
    spoken = await page.evaluate("spoken")
    assert [sentence for sentence in spoken if "Permit for a carport, Ilse Novak" in sentence] == spoken
    assert len(spoken) == 1
    assert await violations(page) == []


async def test_by_keyboard_only_an_agent_becomes_available_takes_an_offer_and_the_next(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox")
    await expect(page.get_by_role("heading", name="You have no work.")).to_be_visible()
    await planning.write("Permit for a garage")
    await page.keyboard.press("Alt+p")
    await expect(page.get_by_role("button", name="Offline", exact=True)).to_be_focused()
    for _ in range(3):
        await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    desk.people.present.add("elena")
    await expect(page.get_by_role("region", name="Offer")).to_contain_text("Permit for a garage")
    async with page.expect_response("**/accept"):
        await page.keyboard.press("Alt+y")
    await _row(page, "Permit for a garage")
    await expect(page.get_by_role("region", name="Offer")).to_have_count(0)
    garage = (await planning.open_work())[0]
    assert (garage["state"], garage["agent_id"]) == ("accepted", "elena")
    await expect(page).to_have_url(re.compile(garage["case_id"]))
    await desk.people.presence("elena", "away")
    await planning.write("Permit for a fence")
    await planning.act(garage, "complete", reason="by phone")
    await expect(page.get_by_role("region", name="Case").get_by_text("has left")).to_be_visible()
    await desk.people.presence("elena", "busy")
    await page.keyboard.press("n")
    await _row(page, "Permit for a fence")


async def test_accepting_shows_the_work_at_once_and_nothing_flickers_when_routing_agrees(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox")
    await planning.write("Permit for a shed")
    await desk.people.presence("elena", "available")
    row = page.get_by_role("option", name="Permit for a shed")

    async def wait_until_shown(route: Route) -> None:
        await expect(row).to_be_visible()
        await page.evaluate(
            "window.removed = 0; new MutationObserver(all => all.forEach(one => { removed += one.removedNodes.length }))"
            ".observe(document.querySelector('[role=listbox]'), { childList: true })"
        )
        await route.continue_()

    await page.route("**/accept", wait_until_shown)
    async with page.expect_response("**/accept") as answered:
        await page.get_by_role("button", name="Accept").click()
    assert (await answered.value).ok
    await expect(page.locator("[data-announcements=polite]")).to_have_text(re.compile(r"C-\d+ is yours\."))
    await expect(row).to_be_visible()
    assert await page.evaluate("removed") == 0


async def test_an_offer_that_somebody_else_has_by_now_leaves_no_row_and_says_who(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox")
    work = await planning.write("Permit for a wall")
    await desk.people.presence("elena", "available")

    async def let_farid_have_it(route: Route) -> None:
        await desk.people.presence("farid", "available")
        await planning.act(work, "assign", agent_id="farid")
        await route.continue_()

    await page.route("**/accept", let_farid_have_it)
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_role("region", name="Messages")).to_contain_text("Farid Haddad has it.")
    await expect(page.get_by_role("option", name="Permit for a wall")).to_have_count(0)
    await expect(page.get_by_role("region", name="Offer")).to_have_count(0)
    await expect(page.get_by_role("heading", name="You have no work.")).to_be_visible()


async def test_an_agent_declines_with_a_reason_and_goes_on_where_they_were(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox")
    work = await planning.write("Permit for a pool")
    await desk.people.presence("elena", "available")
    filtered = page.get_by_role("searchbox", name="Filter this list")
    await filtered.fill("pool")
    await expect(page.get_by_role("region", name="Offer")).to_be_visible()
    await page.keyboard.press("Alt+n")
    await expect(page.get_by_role("textbox", name="Why do you decline?")).to_be_focused()
    await page.keyboard.type("I know the customer")
    async with page.expect_response("**/decline"):
        await page.keyboard.press("Enter")
    await expect(filtered).to_be_focused()
    await expect(filtered).to_have_value("pool")
    detail = await desk.people.see("routing", f"/work/{work['work_item_id']}")
    first = detail["offers"][0]
    assert (first["result"], first["reason"]) == ("declined", "I know the customer")


async def test_offers_that_run_out_vanish_and_are_said_and_two_missed_ones_have_a_way_back(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox")
    filtered = page.get_by_role("searchbox", name="Filter this list")
    async with planning.impatient():
        await planning.write("Permit for a roof")
        await planning.write("Permit for a porch")
        await filtered.fill("a customer")
        await desk.people.presence("elena", "available")
        offer = page.get_by_role("region", name="Offer")
        await expect(offer).to_be_visible()
        await expect(offer.get_by_role("button", name="Decline")).to_have_count(0)
        await expect(page.get_by_role("region", name="Messages")).to_contain_text(
            "nobody answered in time", timeout=20_000
        )
        await expect(offer).to_have_count(0)
        await expect(filtered).to_be_focused()
        await expect(filtered).to_have_value("a customer")
        back = page.get_by_role("status").get_by_role("button", name="Become available")
        await expect(back).to_be_visible()
        await planning.finish()
        await back.click()
        await expect(page.get_by_role("button", name="Your presence: Available")).to_be_visible()
