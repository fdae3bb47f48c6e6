"""Shortcuts: listed, switched off, and on keyboards of other languages."""

import pytest
from playwright.async_api import Page, expect

from tests.support.desk import Desk


async def test_question_mark_lists_the_shortcuts_of_the_page(desk: Desk) -> None:
    page = await _preferences(desk)
    await page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Shortcuts")
    for place, keys in {"Inbox": "g i", "Customers": "g c", "Show all shortcuts": "?"}.items():
        entry = shortcuts.locator("dl > div").filter(has=page.get_by_text(place, exact=True))
        await expect(entry.locator("dd")).to_contain_text(keys)
    await page.keyboard.press("Escape")
    await expect(shortcuts).to_have_count(0)


async def test_shortcuts_of_a_single_key_can_be_switched_off_and_stay_off(desk: Desk) -> None:
    page = await _preferences(desk)
    switch = page.get_by_role("switch", name="Shortcuts of a single key")
    await switch.press("Space")
    await page.reload()
    await expect(switch).not_to_be_checked()
    await page.locator("body").press("g")
    await page.keyboard.press("c")
    # One with Ctrl stays. It comes after the two, so they did nothing.
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog", name="Commands")).to_be_visible()
    assert page.url.endswith("/preferences")


@pytest.mark.parametrize(
    "keys",
    [
        [("g", "KeyG"), ("c", "KeyC")],
        [("\u043f", "KeyG"), ("\u0441", "KeyC")],
        [("g", "KeyG"), ("c", "KeyI")],
    ],
    ids=["qwerty", "cyrillic", "dvorak"],
)
async def test_shortcuts_work_on_keyboards_of_other_languages(
    desk: Desk, keys: list[tuple[str, str]]
) -> None:
    page = await _preferences(desk)
    chromium = await page.context.new_cdp_session(page)
    for key, code in keys:
        for kind in ("keyDown", "keyUp"):
            await chromium.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": code})
    await expect(page).to_have_url(f"{desk.address}/customers")


async def test_an_accidental_letter_in_a_field_is_no_shortcut(desk: Desk) -> None:
    page = await _preferences(desk)
    await page.keyboard.press("Control+k")
    field = page.get_by_role("dialog", name="Commands").get_by_role("searchbox")
    await expect(field).to_be_focused()
    await page.keyboard.type("gc?")
    await expect(field).to_have_value("gc?")
    assert page.url.endswith("/preferences")


async def _preferences(desk: Desk) -> Page:
    page = await desk.open("elena", "/preferences")
    await expect(page.get_by_role("heading", name="Preferences")).to_be_visible()
    return page
