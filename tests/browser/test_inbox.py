"""The inbox: lists of any length that follow the work, and the heartbeats of the agent whose page it is."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from tests.support.desk import Desk, violations
from tests.support.planning import Planning

_MOST_ROWS = 40


@pytest.fixture
async def planning(desk: Desk) -> AsyncIterator[Planning]:
    planning = Planning(desk.people)
    yield planning
    await desk.people.presence("elena", "offline")
    await planning.finish()


@pytest.fixture
def backlog(desk: Desk) -> Iterator[None]:
    """10,000 items wait in Planning, each due a second after the one before, in ten days. Their cases await an answer."""
    desk.stack.postgres.sql(
        "routing",
        "with made as (select n, gen_random_uuid() as i, now() + interval '10 days' + n * interval '1 second' as due "
        "from generate_series(1, 10000) as n), "
        "cases as (insert into case_record (case_id, revision, awaits, reference) select i, 1, true, 'B-' || n from made) "
        "insert into work_item (work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, skills, "
        "queued_at, due_at, order_at, overdue_at, changed_at) "
        "select i, i, 'B-' || n, i, 'email', 'queued', 'planning', 40, '{}', now(), due, due, due, now() from made",
    )
    yield
    desk.stack.postgres.sql(
        "routing",
        "delete from work_item where case_reference like 'B-%'; delete from case_record where reference like 'B-%'",
    )


async def _cursor(page: Page) -> tuple[str, int, int]:
    """The reference at the cursor, its place, and how many rows are in the page."""
    row = page.get_by_role("option", selected=True)
    await expect(row).to_have_count(1)
    reference = re.search(r"B-\d+", await row.inner_text())
    place = await row.get_attribute("aria-posinset")
    assert reference
    assert place
    return reference[0], int(place), await page.get_by_role("option").count()


async def test_ten_thousand_rows_are_moved_through_with_forty_in_the_page(
    desk: Desk, planning: Planning, backlog: None
) -> None:
    page = await desk.open("elena", "/inbox?view=queues")
    first = page.get_by_role("option").first
    await expect(first).to_have_attribute("aria-setsize", "10000", timeout=30_000)
    await page.keyboard.press("l")
    for key, reference, place in [
        ("End", "B-10000", 10_000),
        ("k", "B-9999", 9_999),
        ("Home", "B-1", 1),
        ("j", "B-2", 2),
    ]:
        await page.keyboard.press(key)
        await expect(page.get_by_role("option", selected=True)).to_contain_text(reference)
        at = await _cursor(page)
        assert at[:2] == (reference, place)
        assert at[2] <= _MOST_ROWS
        await expect(page.get_by_role("option", selected=True)).to_be_in_viewport()
    await page.keyboard.press("PageDown")
    reference, place, rows = await _cursor(page)
    assert place > 5
    assert rows <= _MOST_ROWS
    # Work that is due earlier comes before all of them: the cursor stays on its item.
    await planning.write("Permit for a veranda")
    await expect(first).to_have_attribute("aria-setsize", "10001")
    assert (await _cursor(page))[:2] == (reference, place + 1)
    assert await violations(page) == []


async def test_picked_work_goes_back_visibly_when_it_is_refused_and_the_next_is_mine(
    desk: Desk, planning: Planning
) -> None:
    page = await desk.open("elena", "/inbox?view=queues")
    await planning.write("Permit for a dormer")
    row = page.get_by_role("option", name="Permit for a dormer")
    await expect(row).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("=")
    messages = page.get_by_role("region", name="Messages")
    await expect(messages).to_contain_text("is not yours: You are offline")
    await expect(row).to_be_visible()
    await desk.people.presence("elena", "busy")
    await page.keyboard.press("=")
    await expect(messages).to_contain_text("given out in its order, not picked")
    await expect(row).to_be_visible()
    await page.keyboard.press("n")
    await expect(page.get_by_role("link", name="My work")).to_have_attribute("aria-current", "page")
    await expect(row).to_be_visible()
    await page.keyboard.press("]")
    await expect(page.get_by_role("heading", name="Nothing waits in your queues.")).to_be_visible()


async def test_a_filter_keeps_the_rows_that_have_all_its_words(desk: Desk, planning: Planning) -> None:
    page = await desk.open("elena", "/inbox?view=queues")
    await planning.write("Permit for a balcony", name="Aiko Sato")
    await planning.write("Permit for a chimney", name="Marco Bianchi")
    await expect(page.get_by_role("option", name="Marco Bianchi")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type("sato permit")
    await expect(page.get_by_role("option", name="chimney")).to_have_count(0)
    await expect(page.get_by_role("option", name="balcony")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("option", name="chimney")).to_be_visible()


async def test_heartbeats_follow_the_stream_where_the_browser_holds_timers_back(desk: Desk) -> None:
    page = await (await desk.context("elena")).new_page()
    await page.clock.install()
    async with page.expect_request("**/agents/me/heartbeat"):
        await page.goto("/preferences")
        await desk.people.presence("elena", "busy")
    await page.clock.pause_at(datetime.now() + timedelta(seconds=20))  # noqa: DTZ005, TID251
    # No timer runs from here on; only the time goes on.
    await page.clock.set_system_time(datetime.now() + timedelta(seconds=40))  # noqa: DTZ005, TID251
    async with page.expect_request("**/agents/me/heartbeat"):
        await desk.people.presence("elena", "away")
