"""The studio: a draft is written as text."""

from uuid import uuid4

from playwright.async_api import Page, expect

from antiphon.access.roles import Role
from tests.support.desk import Desk, violations
from tests.support.people import Json


async def draft(desk: Desk) -> Json:
    """A new draft of the active version."""
    answer = await desk.people.ask(
        Role.OPERATIONS, "adam", "POST", "routing", "/drafts",
        json={"name": f"Draft {uuid4()}", "why": "To try it"},
    )  # fmt: skip
    answer.raise_for_status()
    made: Json = answer.json()
    return made


async def write(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Text of the document").click()
    await page.keyboard.press("Control+End")
    await page.keyboard.insert_text(text)


async def test_a_fault_is_announced_with_its_place_and_f8_goes_there(desk: Desk) -> None:
    made = await draft(desk)
    page = await desk.open("olga", f"/studio/document?draft={made['draft_id']}")
    await write(page, "\nrulez: 1\n")
    await expect(page.get_by_role("list", name="Faults")).to_contain_text("185:8")
    await expect(page.locator("[data-announcements=polite]")).to_contain_text("1 fault. Line")
    await page.keyboard.press("Control+Home")
    await page.keyboard.press("F8")
    await expect(page.locator(".cm-activeLine")).to_contain_text("rulez: 1")
    assert await violations(page) == []
