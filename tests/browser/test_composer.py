"""What people write on a case: words are kept, answers go out once, and a note never does."""

import json
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from uuid import uuid4

import httpx
import pytest
from imapclient import IMAPClient
from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.morning import bluesky
from deploy.services import SOCIAL_HANDLE
from tests.support.desk import Desk, violations
from tests.support.people import Json, People
from tests.support.waiting import until

WORDS = "Up to 20 square metres need no application."


async def mail_on_a_case(people: People) -> tuple[str, str, str]:
    """The id of a case that a mail opened, its sender, and its Message-ID."""
    sender = f"mei-{uuid4().hex[:10]}@mail.example"
    message_id = people.mail(sender, "Do I need an application for a carport?", subject="Carport")
    case_id = (await people.timeline(f"email:{sender}"))[0]["case_id"]
    return str(case_id), sender, message_id


async def answers_on(people: People, case_id: str) -> list[str]:
    """The texts of the answers that people wrote on a case."""
    replies: list[Json] = (await people.case(case_id))["replies"]
    return [reply["text"] for reply in replies if reply["automation"] == "none"]


async def undo_within(context: BrowserContext, seconds: int) -> None:
    """The person's preference: for how long an answer can be taken back."""
    chosen = json.dumps(json.dumps({"undoSeconds": seconds}))
    script = f"if (location.protocol === 'http:') localStorage.setItem('antiphon.preferences', {chosen})"
    await context.add_init_script(script)


async def case_page(desk: Desk, person: str, case_id: str, *, undo: int = 0) -> Page:
    """The page of a case in a new browser of a person."""
    context = await desk.context(person)
    await undo_within(context, undo)
    page = await context.new_page()
    await page.goto(f"/cases/{case_id}")
    await expect(field(page)).to_be_visible()
    return page


def field(page: Page) -> Locator:
    """The field of the answer or the note, whichever is shown."""
    return page.get_by_role("region", name="Answer or note").get_by_role("textbox")


async def answer(page: Page, text: str) -> None:
    """Writes an answer, from anywhere on the page, by keys alone."""
    await expect(field(page)).to_be_visible()
    await page.keyboard.press("r")
    await expect(field(page)).to_be_focused()
    await page.keyboard.insert_text(text)


@pytest.mark.parametrize("follows", [True, False], ids=["following-changes", "without-the-stream"])
async def test_the_second_of_two_answers_shows_the_first_and_follows_it_in_one_key(
    desk: Desk, *, follows: bool
) -> None:
    case_id, *_ = await mail_on_a_case(desk.people)
    page = await case_page(desk, "elena", case_id)
    if not follows:
        await page.route("**/api/changes*", lambda route: route.abort())
        await page.reload()
    await answer(page, WORDS)
    first = await desk.people.reply("farid", case_id, "Please send us a drawing.")
    first.raise_for_status()
    if not follows:
        await page.keyboard.press("Control+Enter")
    meanwhile = page.get_by_role("region", name="Meanwhile on this case")
    await expect(meanwhile).to_contain_text("farid answered", ignore_case=True)
    await expect(meanwhile).to_contain_text("Please send us a drawing.")
    await expect(field(page)).to_have_value(WORDS)
    await expect(field(page)).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-announcements=assertive]")).to_contain_text("Look at it first")
    await page.keyboard.press("Alt+Enter")
    await expect(field(page)).to_have_value("")
    assert await answers_on(desk.people, case_id) == ["Please send us a drawing.", WORDS]


async def test_an_answer_whose_confirmation_is_lost_is_sent_again_and_counts_once(desk: Desk) -> None:
    case_id, *_ = await mail_on_a_case(desk.people)
    page = await case_page(desk, "elena", case_id)
    keys: list[str | None] = []

    async def lose_the_first(route: Route) -> None:
        keys.append(await route.request.header_value("Idempotency-Key"))
        if len(keys) > 1:
            await route.continue_()
        else:
            await route.fetch()
            await route.abort()

    await page.route("**/replies", lose_the_first)
    await answer(page, WORDS)
    await page.keyboard.press("Control+Enter")
    composer = page.get_by_role("region", name="Answer or note")
    await expect(composer.get_by_text("Your words are kept, and sent")).to_be_visible()
    await expect(field(page)).to_have_value(WORDS)
    await expect(page.get_by_role("region", name="Messages")).to_contain_text("Sent to")
    await expect(field(page)).to_have_value("")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert await answers_on(desk.people, case_id) == [WORDS]


async def test_words_of_each_kind_survive_reload_other_case_and_a_colleagues_act(desk: Desk) -> None:
    case_id, *_ = await mail_on_a_case(desk.people)
    other_id, *_ = await mail_on_a_case(desk.people)
    page = await case_page(desk, "elena", case_id)
    await answer(page, WORDS)
    await page.keyboard.press("Escape")
    await page.keyboard.press("i")
    await page.keyboard.insert_text("She called as well.")
    answered = await desk.people.ask(
        Role.AGENT, "farid", "POST", "case-mgmt", f"/cases/{case_id}/status",
        json={"status": "pending", "reason": "A drawing is missing."},
    )  # fmt: skip
    answered.raise_for_status()
    await page.goto(f"/cases/{other_id}")
    await expect(field(page)).to_have_value("")
    await page.goto(f"/cases/{case_id}")
    await expect(field(page)).to_have_value(WORDS)
    await expect(page.get_by_role("region", name="Meanwhile on this case")).to_contain_text("status")
    await page.keyboard.press("i")
    await expect(field(page)).to_have_value("She called as well.")
    assert await answers_on(desk.people, case_id) == []


async def test_a_note_is_sent_by_its_own_key_alone_and_never_leaves(desk: Desk) -> None:
    case_id, sender, message_id = await mail_on_a_case(desk.people)
    page = await case_page(desk, "elena", case_id)
    await page.keyboard.press("i")
    await expect(page.get_by_role("textbox", name="Note for colleagues")).to_be_focused()
    await page.keyboard.insert_text("Her neighbour objects.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-announcements=polite]")).to_contain_text("Nothing was sent")
    await expect(field(page)).to_have_value("Her neighbour objects.")
    await page.keyboard.press("Control+Shift+Enter")
    await expect(field(page)).to_have_value("")
    await page.keyboard.press("Escape")
    await answer(page, WORDS)
    await page.keyboard.press("Control+Shift+Enter")
    await expect(field(page)).to_have_value(WORDS)
    await page.keyboard.press("Control+Enter")
    await expect(field(page)).to_have_value("")

    async def answered() -> bool:
        return desk.people.answer_to(sender, message_id) is not None

    await until(answered, what="the answer in the mailbox")
    mails = mails_of(desk.people, sender)
    assert [WORDS in text_of(mail) for mail in mails] == [True]
    assert "neighbour" not in "".join(map(text_of, mails))
    entries: list[Json] = (await desk.people.case(case_id))["entries"]
    assert [entry["data"]["text"] for entry in entries if entry["kind"] == "note"] == [
        "Her neighbour objects."
    ]


async def test_an_answer_can_be_taken_back_and_leaves_at_once_when_its_tab_closes(desk: Desk) -> None:
    case_id, *_ = await mail_on_a_case(desk.people)
    page = await case_page(desk, "elena", case_id, undo=600)
    await answer(page, WORDS)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Leaves in")).to_be_visible()
    await page.keyboard.press("Alt+z")
    await expect(page.get_by_text("Leaves in")).to_be_hidden()
    await expect(field(page)).to_be_editable()
    await expect(field(page)).to_have_value(WORDS)
    assert await answers_on(desk.people, case_id) == []
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Leaves in")).to_be_visible()
    await page.close(run_before_unload=False)

    async def arrived() -> list[str]:
        return await answers_on(desk.people, case_id)

    assert await until(arrived, what="the answer") == [WORDS]


async def test_a_public_answer_is_confirmed_and_posted_in_the_parts_that_were_shown(desk: Desk) -> None:
    people = desk.people
    pds = people.stack.pds.url
    async with httpx.AsyncClient(timeout=30) as http:
        handle = f"p{uuid4().hex[:10]}.test"
        person = await bluesky.sign_in(http, pds, handle, "a password of the tests")
        council = await bluesky.did_of(http, pds, SOCIAL_HANDLE)
        words = f"@{SOCIAL_HANDLE} is the pool open?"
        uri = await bluesky.post(
            http, pds, person, words, bluesky.mention(words, SOCIAL_HANDLE, council), utc_now()
        )
        case_id = str((await people.timeline(f"did:{person.did}"))[0]["case_id"])
        page = await case_page(desk, "grace", case_id)
        await answer(page, "The pool is open today 👩‍👩‍👧‍👦 from six to eight. " * 8)
        parts = page.get_by_role("region", name="It will be posted as").get_by_role("listitem")
        await expect(parts).to_have_count(2)
        shown = await parts.all_inner_texts()
        assert await violations(page) == []
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_role("region", name="Post this for everyone to read?")).to_be_visible()
        assert await answers_on(people, case_id) == []
        await page.keyboard.press("Control+Enter")
        await expect(field(page)).to_have_value("")

        async def posted() -> list[str]:
            first = await bluesky.answers_to(http, pds, council, uri)
            return await everything_of(http, pds, council, uri) if first else []

        assert await until(posted, what="the answer on the PDS") == shown


async def everything_of(http: httpx.AsyncClient, pds: str, author: str, uri: str) -> list[str]:
    """The texts of the author's posts below a post, the first first; empty until the last of them is there."""
    answered = await http.get(
        f"{pds}/xrpc/com.atproto.repo.listRecords",
        params={"repo": author, "collection": "app.bsky.feed.post", "limit": 100},
    )
    values = [record["value"] for record in answered.raise_for_status().json()["records"]]
    texts = [value["text"] for value in values if value.get("reply", {}).get("root", {}).get("uri") == uri]
    return texts[::-1] if texts and f"({len(texts)}/{len(texts)})" in texts[0] else []


def mails_of(people: People, mailbox: str) -> list[EmailMessage]:
    """Every mail in a customer's mailbox."""
    with IMAPClient("127.0.0.1", people.stack.mail.imap_port, ssl=False) as client:
        client.login(mailbox, mailbox)
        client.select_folder("INBOX", readonly=True)
        found = client.fetch(client.search(), ["BODY.PEEK[]"]).values()
        bodies = [data[b"BODY[]"] for data in found]
        return [
            BytesParser(EmailMessage, policy=default).parsebytes(body)
            for body in bodies
            if isinstance(body, bytes)
        ]


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""
