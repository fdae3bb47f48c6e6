"""The connection is lost and comes back: the page says so, and then it shows what is true."""

import asyncio
import signal

from playwright.async_api import Page, expect

from tests.support.desk import Desk, queue_row

_LOST = "The connection is lost"


async def test_a_lost_network_is_said_and_what_was_missed_is_shown_after_it(desk: Desk) -> None:
    page = await _floor(desk)
    await page.context.set_offline(True)
    await expect(page.get_by_text(_LOST)).to_be_visible()
    await desk.set_queue("roads", "paused")
    await expect(queue_row(page, "Roads")).not_to_contain_text("paused")
    await page.context.set_offline(False)
    await expect(page.get_by_text(_LOST)).to_have_count(0)
    await expect(queue_row(page, "Roads")).to_contain_text("paused")
    await desk.set_queue("roads", "open")
    await expect(queue_row(page, "Roads")).not_to_contain_text("paused")


async def test_a_silent_server_is_noticed_after_40_seconds(desk: Desk) -> None:
    page = await _floor(desk, clock=True)
    desk.stack.send_signal("desktop", signal.SIGSTOP)
    try:
        await page.clock.fast_forward(41_000)
        await expect(page.get_by_text(_LOST)).to_be_visible()
        await expect(page.get_by_text("Not heard of the server for").first).to_be_visible()
        await desk.set_queue("roads", "paused")
    finally:
        desk.stack.send_signal("desktop", signal.SIGCONT)
    await expect(queue_row(page, "Roads")).to_contain_text("paused")
    await expect(page.get_by_text(_LOST)).to_have_count(0)
    await desk.set_queue("roads", "open")


async def test_a_restart_of_the_desktop_loses_nothing_and_nobody_signs_in_again(desk: Desk) -> None:
    page = await _floor(desk)
    desk.stack.kill("desktop")
    await expect(page.get_by_text(_LOST)).to_be_visible()
    await desk.set_queue("roads", "paused")
    desk.services_are_away = True
    await asyncio.to_thread(desk.stack.start_service, "desktop")
    await expect(queue_row(page, "Roads")).to_contain_text("paused")
    await expect(page.get_by_text(_LOST)).to_have_count(0)
    await desk.set_queue("roads", "open")
    await page.reload()
    await expect(queue_row(page, "Roads")).to_be_visible()


async def _floor(desk: Desk, *, clock: bool = False) -> Page:
    page = await (await desk.context("sam")).new_page()
    if clock:
        await page.clock.install()
    await page.goto("/floor")
    await expect(queue_row(page, "Roads")).to_be_visible()
    await expect(page.get_by_text("As of")).to_be_visible()
    return page
