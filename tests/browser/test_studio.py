"""The studio: a draft is written, tried, published and taken back."""

from uuid import uuid4

from playwright.async_api import Page, expect

from antiphon.access.roles import Role
from tests.support.desk import Desk, violations
from tests.support.people import Json
from tests.support.waiting import until


async def draft(desk: Desk, change: tuple[str, str] | None = None) -> Json:
    """A new draft of the active version; `change` replaces one part of its source."""
    active = await desk.people.see("routing", "/configuration")
    source = active["source"].replace(*change) if change else active["source"]
    answer = await desk.people.ask(
        Role.OPERATIONS, "adam", "POST", "routing", "/drafts",
        json={"name": f"Draft {uuid4()}", "why": "To try it", "source": source},
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


async def test_a_colleague_who_saved_meanwhile_loses_nothing_and_both_texts_are_compared(desk: Desk) -> None:
    made = await draft(desk)
    path = f"/drafts/{made['draft_id']}"
    page = await desk.open("olga", f"/studio/document?draft={made['draft_id']}")
    await expect(page.get_by_role("textbox", name="Text of the document")).to_be_visible()
    theirs = {"name": made["name"], "why": made["why"], "source": made["source"] + "# by Adam\n"}
    saved = await desk.people.ask(
        Role.OPERATIONS, "adam", "PUT", "routing", path, json=theirs, headers={"If-Match": '"1"'}
    )
    saved.raise_for_status()
    await write(page, "# by Olga\n")
    dialog = page.get_by_role("dialog", name="Two texts of this draft")
    await expect(dialog.get_by_label("Saved by adam")).to_contain_text("# by Adam")
    await expect(dialog.get_by_label("Yours")).to_contain_text("# by Olga")
    assert (await desk.people.see("routing", path))["source"] == theirs["source"]
    await dialog.get_by_role("button", name="Save the text on the right").click()
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert (await desk.people.see("routing", path))["source"] == made["source"] + "# by Olga\n"


async def test_a_trial_says_what_moves_and_its_version_is_taken_back_with_a_reason(desk: Desk) -> None:
    await desk.people.note("Good morning", phone="+61255501234")

    async def decided() -> list[Json]:
        items: list[Json] = (await desk.people.see("routing", "/work?queue=front-desk"))["items"]
        return items

    await until(decided, what="work of the front desk")
    made = await draft(desk, ("{ queue: front-desk, priority: 30 }", "{ queue: rates, priority: 30 }"))
    page = await desk.open("olga", f"/studio/trial?draft={made['draft_id']}")
    await page.get_by_role("button", name="Begin the trial").click()
    table = page.get_by_role("group", name="Work that goes to another queue")
    row = table.get_by_role("row", name="front-desk rates")
    await expect(row).to_be_visible(timeout=30_000)
    trials = await desk.people.see("routing", f"/drafts/{made['draft_id']}/trials")
    result = trials["items"][0]["result"]
    assert sum(moved["items"] for moved in result["from_to"]) == result["elsewhere"] > 0
    await expect(row).to_contain_text(str(result["from_to"][0]["items"]))
    await row.get_by_role("button", name="Show items").click()
    items = page.get_by_role("region", name="Items from front-desk to rates")
    before = items.get_by_role("heading", name="Then: Everything else → front-desk")
    await expect(before.first).to_be_visible()
    after = items.get_by_role("heading", name="With the draft: Everything else → rates")
    await expect(after.first).to_be_visible()
    assert await violations(page) == []

    active = (await desk.people.see("routing", "/configuration"))["configuration_version"]
    await page.get_by_role("link", name="Publish").click()
    await page.get_by_label("Why?").fill("The front desk is closed today")
    await expect(page.get_by_role("checkbox", name="Cite the trial")).to_be_checked()
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.get_by_role("row", name=f"{active + 1} Active")).to_contain_text("(tried)")
    await page.get_by_role("heading", name="Versions").click()
    await page.keyboard.press("b")
    await page.get_by_role("dialog").get_by_label("Why?").fill("It is open again")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row", name=f"{active + 2} Active")).to_contain_text("It is open again")
    assert await violations(page) == []
