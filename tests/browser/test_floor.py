"""The floor and the wallboard: what they show is what routing says, and a supervisor acts there by keyboard."""

import re

from playwright.async_api import Page, expect

from tests.support.desk import Desk, queue_row
from tests.support.people import Json
from tests.support.waiting import until

_SHOWN = """() => Object.fromEntries([...document.querySelectorAll('tbody tr:has([data-queue])')].map(row => [
    row.querySelector('[data-queue]').dataset.queue, [row.cells[2].textContent, row.cells[5].textContent],
]))"""
_ON_CARDS = """() => Object.fromEntries([...document.querySelectorAll('li:has([data-queue])')].map(card => [
    card.querySelector('[data-queue]').dataset.queue, card.querySelector('p .number').textContent,
]))"""


async def test_floor_and_wallboard_follow_fifty_arrivals_and_equal_what_routing_says(desk: Desk) -> None:
    floor = await desk.open("sam", "/floor")
    wall = await floor.context.new_page()
    await wall.goto("/wall")
    await expect(queue_row(floor, "Roads")).to_be_visible()
    before = (await _live(desk))["roads"]["waiting"]
    for number in range(50):
        answer = await desk.people.note(f"A pothole, number {number}", phone=f"+61 2 5550 1{number:03}")
        answer.raise_for_status()
    await expect(queue_row(floor, "Roads").get_by_role("cell").nth(1)).to_have_text(str(before + 50))

    async def both_equal() -> bool:
        live = await _live(desk)
        rows = {
            name: [str(one["waiting"]), str(one["accepted"] + one["offered"])] for name, one in live.items()
        }
        cards = {name: row[0] for name, row in rows.items()}
        return await floor.evaluate(_SHOWN) == rows and await wall.evaluate(_ON_CARDS) == cards

    await until(both_equal, what="floor and wallboard that equal GET /live")


async def test_a_supervisor_pauses_and_opens_a_queue_by_keyboard(desk: Desk) -> None:
    page = await desk.open("sam", "/wall")
    await expect(page.get_by_role("button", name="Planning", exact=True)).to_be_visible()
    await page.keyboard.press("g")
    await page.keyboard.press("f")
    await _choose(page, "Planning")
    await page.keyboard.press(await _key(page, "Pause the queue"))
    await expect(queue_row(page, "Planning")).to_contain_text("paused")
    await page.keyboard.press(await _key(page, "Open the queue"))
    await expect(queue_row(page, "Planning")).not_to_contain_text("paused")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary", name="Planning")).to_have_count(0)
    await expect(page.get_by_role("button", name="Planning", exact=True)).to_be_focused()


async def test_who_is_away_is_set_available_on_the_floor_and_their_work_taken_back(desk: Desk) -> None:
    await desk.people.presence("farid", "away")
    desk.people.mail("carport@mail.example", "My building permit: where is it?", subject="Building permit")
    await desk.people.timeline("email:carport@mail.example")
    page = await desk.open("sam", "/floor")
    await _choose(page, "Planning")
    panel = page.get_by_role("complementary", name="Planning")
    await expect(panel).to_contain_text("Nobody of the queue is available")
    await page.keyboard.press(await _key(page, "Set Farid Haddad to available"))
    messages = page.get_by_role("region", name="Messages")
    await expect(messages.get_by_text("Done: Set Farid Haddad to available.")).to_be_visible()
    await expect(panel).not_to_contain_text("Nobody of the queue is available")

    await desk.people.take("farid")
    farid = page.get_by_role("region", name="People").get_by_role("listitem").filter(has_text="Farid Haddad")
    await expect(farid).not_to_contain_text("0/3")
    await _act(page, "Set away")
    await expect(farid).to_contain_text("away")
    await _act(page, "Take back their work")
    await (
        page.get_by_role("dialog", name="Take back their work")
        .get_by_role("button", name="Take back their work")
        .press("Enter")
    )
    await expect(farid).to_contain_text("0/3")
    desk.people.present.add("farid")


async def _act(page: Page, name: str) -> None:
    """Chooses an act from Farid's menu by keyboard."""
    await page.get_by_role("button", name="Acts for Farid Haddad").press("Enter")
    await page.get_by_role("menuitem", name=name).press("Enter")


async def _choose(page: Page, queue: str) -> None:
    """Goes to a queue by `j` and opens it."""
    button = page.get_by_role("button", name=queue, exact=True)
    await expect(button).to_be_visible()
    names = await page.locator("[data-queue]").all_inner_texts()
    for _ in range(names.index(queue) + 1):
        await page.keyboard.press("j")
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=queue, exact=True)).to_be_focused()


async def _key(page: Page, act: str) -> str:
    """The key of an act in the open panel."""
    key = await page.get_by_role("button", name=re.compile(act)).get_attribute("aria-keyshortcuts")
    assert key is not None
    return key


async def _live(desk: Desk) -> dict[str, Json]:
    return {queue["queue"]: queue for queue in (await desk.people.see("routing", "/live"))["queues"]}
