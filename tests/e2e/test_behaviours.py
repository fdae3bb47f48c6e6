"""Behaviours that an evaluator tests first, each on the whole system."""

import asyncio
from email.message import EmailMessage
from io import StringIO
from uuid import uuid4

from rich.console import Console

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from deploy.status import show
from tests.support.people import People
from tests.support.waiting import until


def unique() -> str:
    return uuid4().hex[:10]


async def test_01_the_same_message_three_times_is_one_interaction_on_one_case(people: People) -> None:
    sender, message_id, key = f"one-{unique()}@mail.example", f"<{unique()}@mail.example>", unique()
    before = await people.agree()
    mail = (
        f"From: {sender}\r\nTo: council@banksia.example\r\nSubject: Again\r\nMessage-ID: {message_id}\r\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +1100\r\n\r\nDo you hear me?\r\n"
    ).encode()
    await asyncio.gather(
        *(asyncio.to_thread(people.raw_mail, sender, "council@banksia.example", mail) for _ in range(2))
    )
    people.stack.kill("customer-profile")
    people.stack.start_service("customer-profile")
    people.raw_mail(sender, "council@banksia.example", mail)
    notes = await asyncio.gather(*(people.note("Is it you?", key=key, name="One") for _ in range(3)))
    assert [note.status_code for note in notes] == [201, 201, 201]
    assert len({note.json()["interaction_id"] for note in notes}) == 1
    timeline = await people.timeline(f"email:{sender}")
    assert [item["text"].strip() for item in timeline] == ["Do you hear me?"]
    whole = await people.case(timeline[0]["case_id"])
    assert len(whole["interactions"]) == 1
    after = await people.agree()
    for service in ("ingest-email", "ingest-direct"):
        assert after[service]["duplicates"] - before[service]["duplicates"] == 2
        assert after[service]["interactions"] - before[service]["interactions"] == 1


async def test_02_of_twenty_accepts_of_one_offer_exactly_one_succeeds(people: People) -> None:
    await people.presence("elena", "available")
    people.mail(f"two-{unique()}@mail.example", "About the building permit", to="planning@banksia.example")
    offer = (await until(lambda: people.offers("elena"), what="an offer"))[0]
    answers = await asyncio.gather(*(people.accept("elena", offer) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    lost = next(answer for answer in answers if answer.status_code == 409).json()
    assert lost["agent_id"] == "elena"
    stranger = await people.accept("amara", offer)
    assert stranger.status_code == 404
    agents = (await people.see("routing", "/agents"))["items"]
    assert next(agent for agent in agents if agent["agent_id"] == "elena")["load"] == 1
    done = await people.reply("elena", offer["work"]["case_id"], "Yes.")
    assert done.status_code == 201


async def test_03_freed_capacity_gets_the_work_that_waited_longest(people: People) -> None:
    await people.presence("elena", "available")  # capacity 2
    for number in range(4):
        people.mail(
            f"three-{number}-{unique()}@mail.example", f"permit {number}", to="planning@banksia.example"
        )
        await people.agree()
    first = await people.take("elena")
    second = await people.take("elena")
    assert await people.offers("elena") == []
    work = (await people.see("routing", "/work?queue=planning&state=queued"))["items"]
    waiting = sorted(work, key=lambda item: item["queued_at"])
    assert len(waiting) >= 2
    answered = await people.reply("elena", first["case_id"], "Done.")
    assert answered.status_code == 201
    offers = await until(lambda: people.offers("elena"), what="the next offer")
    assert offers[0]["work"]["work_item_id"] == waiting[0]["work_item_id"]
    assert offers[0]["work"]["queued_at"] == waiting[0]["queued_at"]
    for case_id in (second["case_id"], offers[0]["work"]["case_id"]):
        await people.reply("elena", case_id, "Done.")


async def test_20_malformed_mails_are_kept_unchanged_and_do_not_block_others(people: People) -> None:
    sender = f"twenty-{unique()}@mail.example"
    broken = [
        f"From: {sender}\r\nSubject: no id, no date\r\n\r\nfirst\r\n".encode(),
        f"From: {sender}\r\nDate: the day before yesterday\r\nContent-Type: text/plain; charset=klingon\r\n"
        "Subject: =?nonsense?Q?=?=\r\n\r\n\xff\xfe second\r\n".encode("latin-1"),
        f"From: {sender}\r\nSubject: large\r\nContent-Type: application/octet-stream\r\n"
        "Content-Disposition: attachment; filename=big.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        + b"QUJD" * 19 * 1000 * 500,
        f"From: {sender}\r\nMessage-ID: <{unique()}@mail.example>\r\nSubject: fine\r\n\r\nlast\r\n".encode(),
    ]
    for mail in broken:
        await asyncio.to_thread(people.raw_mail, sender, "council@banksia.example", mail)
    timeline = await people.timeline(f"email:{sender}", at_least=4)
    assert {item["subject"] for item in timeline} >= {"no id, no date", "large", "fine"}
    for item in timeline:
        raw = await people.ask_raw(item["interaction_id"])
        assert any(sent.replace(b"\r\n", b"\n").strip() in raw.replace(b"\r\n", b"\n") for sent in broken)


async def test_21_automatic_mail_is_recorded_and_never_answered(people: People) -> None:
    sender = f"away-{unique()}@mail.example"
    people.mail(sender, "Please call me about my rates.")
    (first,) = await people.timeline(f"email:{sender}")
    before = (await people.case(first["case_id"]))["case"]
    for number in range(10):
        people.mail(
            sender, f"I am away. {number}", subject="Automatic reply", envelope="",
            headers={"Auto-Submitted": "auto-replied", "In-Reply-To": "<none@banksia.example>"},
        )  # fmt: skip
    timeline = await people.timeline(f"email:{sender}", at_least=11)
    automatic = [item for item in timeline if item["automation"] != "none"]
    assert len(automatic) == 10
    after = (await people.case(first["case_id"]))["case"]
    assert (after["status"], after["awaiting_answer_since"]) == (
        before["status"],
        before["awaiting_answer_since"],
    )
    for item in automatic:
        case = (await people.case(item["case_id"]))["case"]
        assert case["awaiting_answer_since"] is None or case["case_id"] == first["case_id"]
    work = (await people.see("routing", "/work?limit=200"))["items"]
    own = {item["case_id"] for item in automatic} - {first["case_id"]}
    assert not [item for item in work if item["case_id"] in own]


async def test_22_replies_join_their_case_and_never_show_another_customers_text(people: People) -> None:
    sender, stranger = f"thread-{unique()}@mail.example", f"other-{unique()}@mail.example"
    message_id = people.mail(sender, "My valuation is wrong", to="rates@banksia.example")
    (first,) = await people.timeline(f"email:{sender}")
    await people.presence("amara", "available")
    work = await until(lambda: _take_case(people, "amara", first["case_id"]), what="the offer of this case")
    reply = await people.reply("amara", work["case_id"], "We look into it.")
    assert reply.status_code == 201
    sent = await until(lambda: _sent(people, reply.json()["reply_id"]), what="the reply to be sent")
    assert sent
    token_address = await until(
        lambda: _reply_to(people, sender, message_id), what="the answer in the mailbox"
    )
    # First another subject with references, then no references but the address with the token, then a stranger with both.
    people.mail(sender, "One more thing", subject="Something else", headers={"In-Reply-To": message_id})
    people.mail(sender, "And another", subject="Hello", to=token_address)
    timeline = await people.timeline(f"email:{sender}", at_least=3)
    assert {item["case_id"] for item in timeline} == {first["case_id"]}
    people.mail(stranger, "I saw your mail", to=token_address, headers={"In-Reply-To": message_id})
    (theirs,) = await people.timeline(f"email:{stranger}")
    assert theirs["case_id"] != first["case_id"]
    their_case = await people.case(theirs["case_id"])
    assert their_case["case"]["related_case_id"] == first["case_id"]
    assert "valuation is wrong" not in str(their_case)
    forged = token_address.replace("+c-", "+c-1")
    people.mail(sender, "Forged token, no references", subject="Forged", to=forged)
    assert len(await people.timeline(f"email:{sender}", at_least=4)) == 4


async def test_22_a_forged_sender_gets_no_answer_without_a_confirmed_recipient(
    people: People,
) -> None:
    ada, mallory = f"ada-{unique()}@mail.example", f"mallory-{unique()}@evil.example"
    own = people.mail(ada, "What is my pension?", to="rates@banksia.example")
    (first,) = await people.timeline(f"email:{ada}")
    forged = people.mail(
        ada,
        "And please by return",
        to="rates@banksia.example",
        headers={"Reply-To": mallory},
        envelope=mallory,
    )
    timeline = await people.timeline(f"email:{ada}", at_least=2)
    assert {item["case_id"] for item in timeline} == {first["case_id"]}
    refused = await people.reply("amara", first["case_id"], "1234 a month")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:antiphon:problem:recipient-not-confirmed"
    assert refused.json()["recipient"] == {"kind": "email", "value": mallory}
    assert (await people.case(first["case_id"]))["replies"] == []
    # Ada's own mail is answered to her address, the other one to the address that a person confirmed.
    answers = (
        await people.reply("amara", first["case_id"], "1234 a month", answers=first["interaction_id"])
    ).json()
    assert answers["recipient"] == {"kind": "email", "value": ada}
    confirmed = await people.reply("amara", first["case_id"], "Who are you?", confirm_recipient=mallory)
    assert confirmed.status_code == 201, confirmed.text
    for mailbox, message_id in ((ada, own), (mallory, forged)):
        mail = await _answer(people, mailbox, message_id)
        assert mail is not None
        assert mail["To"].addresses[0].addr_spec == mailbox
    assert people.answer_to(mallory, own) is None
    assert people.answer_to(ada, forged) is None


async def test_a_closed_queue_acknowledges_at_once_and_the_case_still_awaits_an_answer(
    people: People,
) -> None:
    async def set_to(state: str) -> None:
        body = {"state": state, "reason": "burst pipe"}
        (
            await people.ask(Role.SUPERVISOR, "olga", "PUT", "routing", "/queues/planning/state", json=body)
        ).raise_for_status()

    sender = f"closed-{unique()}@mail.example"
    await set_to("closed")
    try:
        message_id = people.mail(sender, "About the building permit", to="planning@banksia.example")
        mail = await until(
            lambda: asyncio.to_thread(people.answer_to, sender, message_id),
            what="the acknowledgement in the mailbox",
        )
    finally:
        await set_to("open")
    assert mail is not None
    assert mail["Auto-Submitted"] == "auto-replied"
    (interaction,) = await people.timeline(f"email:{sender}")
    whole = await people.case(interaction["case_id"])
    assert whole["case"]["awaiting_answer_since"] is not None
    assert [reply["occasion"] for reply in whole["replies"]] == ["Planning"]
    work = (await people.see("routing", "/work?queue=planning&state=queued&limit=200"))["items"]
    assert interaction["case_id"] in {item["case_id"] for item in work}


async def _take_case(people: People, agent: str, case_id: str) -> dict[str, str]:
    for offer in await people.offers(agent):
        if offer["work"]["case_id"] == case_id:
            (await people.accept(agent, offer)).raise_for_status()
            return offer["work"]
        await people.accept(agent, offer)
        await people.reply(agent, offer["work"]["case_id"], "Done.")
    return {}


async def _sent(people: People, reply_id: str) -> bool:
    return (await people.see("case-mgmt", f"/replies/{reply_id}"))["state"] == "sent"


async def _answer(people: People, mailbox: str, message_id: str) -> EmailMessage | None:
    return await until(
        lambda: asyncio.to_thread(people.answer_to, mailbox, message_id), what=f"the answer in {mailbox}"
    )


async def _reply_to(people: People, sender: str, message_id: str) -> str:
    mail = await asyncio.to_thread(people.answer_to, sender, message_id)
    return str(mail["Reply-To"]).rpartition("<")[2].rstrip(">") if mail else ""


async def test_make_status_fits_100_columns_and_says_that_the_counts_agree(people: People) -> None:
    people.mail(f"status-{unique()}@mail.example", "About the building permit")
    await people.agree()
    people.stack.write_state()
    printed = StringIO()
    console = Console(file=printed, width=200)
    status = await asyncio.to_thread(show, people.stack.site, console, supervised=True)
    lines = printed.getvalue().splitlines()
    assert status == 0
    assert max(map(len, lines)) <= 100
    assert all(any(line.split()[:1] == [service] for line in lines) for service in SERVICES)
    assert "…" not in printed.getvalue()
    assert "The counts agree" in printed.getvalue()
