"""The frame around every page."""

from playwright.async_api import expect

from tests.support.desk import Desk, violations


async def test_a_person_signs_in_sees_the_shell_and_its_shortcuts(desk: Desk) -> None:
    page = await desk.open("elena", "/preferences")
    await expect(page.get_by_role("link", name="Inbox")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    assert await violations(page) == []
