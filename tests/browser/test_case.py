"""A case: what was said on it, what others add while it is open, and handing it on."""

import smtplib
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import asyncpg
from playwright.async_api import Locator, Page, expect

from antiphon.access.roles import Role
from tests.support.desk import Desk, violations
from tests.support.people import Json
from tests.support.waiting import until


async def _case_of(desk: Desk, address: str) -> Json:
    """The one case of who wrote from an address, once it is there."""
    item = (await desk.people.timeline(f"email:{address}"))[-1]
    case: Json = (await desk.people.case(item["case_id"]))["case"]
    return case


async def _written(desk: Desk, subject: str = "Pothole") -> Json:
    address = f"ivy-{uuid4().hex[:8]}@mail.example"
    desk.people.mail(address, "In front of my house.", subject=subject)
    return await _case_of(desk, address)


async def test_markup_of_a_customer_is_text_and_its_design_is_shown_inert_on_request(desk: Desk) -> None:
    address = f"ivy-{uuid4().hex[:8]}@mail.example"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = address, "council@banksia.example", "<b>Bold</b>"
    mail["Message-ID"] = f"<{uuid4()}@mail.example>"
    mail.set_content("Look: <img src=x onerror=alert(1)>")
    mail.add_alternative(
        "<p>Look: <a href='https://bad.example/'>here</a><script>alert(1)</script></p>", subtype="html"
    )
    with smtplib.SMTP("127.0.0.1", desk.stack.site.ports.smtp, timeout=60) as server:
        server.send_message(mail)
    case = await _case_of(desk, address)
    page = await desk.open("elena", f"/cases/{case['case_id']}")
    await expect(page.get_by_role("heading", level=1, name="<b>Bold</b>")).to_be_visible()
    message = page.get_by_role("article")
    await expect(message).to_contain_text("Look: <img src=x onerror=alert(1)>")
    await expect(message.locator("img, iframe")).to_have_count(0)
    await message.get_by_role("button", name="Show as it was designed").click()
    await expect(message.locator("iframe")).to_have_attribute("sandbox", "")
    frame = message.frame_locator("iframe")
    await expect(frame.get_by_text("here")).to_be_visible()
    await expect(frame.locator("a[href], script")).to_have_count(0)
    assert await violations(page) == []


async def test_a_note_of_a_colleague_appears_and_what_i_write_stays(desk: Desk) -> None:
    case = await _written(desk)
    page = await desk.open("elena", f"/cases/{case['case_id']}")
    await expect(page.get_by_role("article")).to_contain_text("In front of my house.")
    field = await _answering(page)
    await page.keyboard.type("Dear Ivy, on Monday")
    answer = await desk.people.ask(
        Role.AGENT, "farid", "POST", "case-mgmt", f"/cases/{case['case_id']}/notes",
        json={"text": "She called: it is deep."}, headers={"Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    answer.raise_for_status()
    note = page.get_by_role("article").filter(has_text="She called: it is deep.")
    await expect(note).to_contain_text("Note, for colleagues only")
    await expect(field).to_have_value("Dear Ivy, on Monday")
    await expect(field).to_be_focused()
    await expect(page.get_by_text("farid added a note")).to_be_attached()


async def test_who_writes_an_answer_is_seen_by_who_reads_the_case(desk: Desk) -> None:
    case = await _written(desk)
    reader, writer = [await desk.open(who, f"/cases/{case['case_id']}") for who in ("sam", "elena")]
    await expect(reader.get_by_text("Elena Marino reads this too")).to_be_visible()
    await _answering(writer)
    await writer.keyboard.type("Dear")
    await expect(
        reader.get_by_role("paragraph").filter(has_text="Elena Marino writes an answer")
    ).to_be_visible()


async def test_a_case_of_2000_entries_opens_at_the_newest_and_shows_older_on_request(desk: Desk) -> None:
    case = await _written(desk)
    database = await asyncpg.connect(
        desk.stack.postgres.url("case-mgmt").replace("postgresql+asyncpg", "postgresql")
    )
    try:
        await database.execute(
            "insert into case_entry (case_id, natural_key, kind, occurred_at, recorded_at, actor, data) "
            "select cast($1 as uuid), 'note:' || cast(cast($1 as uuid) as text) || n, 'note', now(), now(), "
            """'{"kind": "agent", "id": "farid", "name": "Farid Haddad"}', jsonb_build_object('text', 'Note ' || n) """
            "from generate_series(1, 2000) n",
            case["case_id"],
        )
    finally:
        await database.close()
    page = await desk.open("elena", f"/cases/{case['case_id']}")
    entries = page.get_by_role("article")
    await expect(entries.last).to_contain_text("Note 2000")
    await expect(entries.last).to_be_in_viewport()
    await expect(entries).to_have_count(60)
    await page.get_by_role("button", name="Show 1,9").click()
    await expect(entries).to_have_count(180)
    await expect(entries.filter(has_text="Note 1941")).to_be_in_viewport()


async def test_work_is_handed_over_with_a_note_by_keyboard_also_to_who_is_not_there(desk: Desk) -> None:
    case = await _written(desk, "Building permit for a hen house")
    await desk.people.presence("elena", "available")
    page = await desk.open("elena", f"/cases/{case['case_id']}")

    async def queued() -> list[Json]:
        found = await desk.people.see("routing", f"/work?case_id={case['case_id']}")
        items: list[Json] = found["items"]
        return items

    (work,) = await until(queued, what="work on the case")
    assigned = await desk.people.ask(
        Role.SUPERVISOR, "sam", "POST", "routing", f"/work/{work['work_item_id']}/assign",
        json={"agent_id": "elena", "wait": False}, headers={"Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    assigned.raise_for_status()
    await _has_act(page, "Hand over")
    await page.keyboard.press("t")
    await expect(page.get_by_role("option", name="Farid")).to_be_visible()
    await page.keyboard.type("far")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("You know the street")
    await page.keyboard.press("Control+Enter")
    refused = page.get_by_role("dialog").get_by_role("alert")
    await expect(refused).to_contain_text("Farid Haddad can't be offered it now")
    await refused.get_by_role("button", name="Let it wait for Farid Haddad").press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Hand over")).to_have_count(0)
    await desk.people.presence("farid", "available")

    async def offered() -> list[dict[str, Any]]:
        return [one for one in await desk.people.offers("farid") if one["work"]["case_id"] == case["case_id"]]

    (offer,) = await until(offered, what="an offer to Farid")
    assert offer["note"] == "You know the street"
    (await desk.people.accept("farid", offer)).raise_for_status()
    done = await desk.people.ask(
        Role.AGENT, "farid", "POST", "routing", f"/work/{work['work_item_id']}/complete",
        json={"reason": "Called"}, headers={"Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    done.raise_for_status()


async def test_the_status_is_set_by_two_keys_and_closing_asks_why(desk: Desk) -> None:
    case = await _written(desk)
    page = await desk.open("elena", f"/cases/{case['case_id']}")
    await _has_act(page, "Status: New. Change it")
    await page.keyboard.press("s")
    await page.keyboard.press("r")
    await page.get_by_role("button", name="Status: Resolved. Change it").click()
    await page.get_by_role("menuitem", name="Closed").click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Close the case")).to_be_disabled()
    await page.keyboard.type("Sold the hen")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Status: Closed. Change it")).to_be_visible()
    await expect(page.get_by_text("set it to Closed: Sold the hen")).to_be_visible()


async def _answering(page: Page) -> Locator:
    """The field of the answer, in which the next key is typed."""
    field = page.get_by_role("textbox", name="Answer to")
    await expect(field).to_be_visible()
    await page.keyboard.press("r")
    await expect(field).to_be_focused()
    return field


async def _has_act(page: Page, name: str) -> None:
    await expect(page.get_by_role("button", name=name)).to_be_visible()
