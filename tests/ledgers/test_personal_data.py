"""Searches every column of every database for a customer's words: each column with them is declared, and its path leads to them."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, LargeBinary, Table

from antiphon.kafka.dead_letters import Record
from antiphon.postgres.personal_data import SEARCH, declaration_of, may_hold_words, query, ways
from antiphon.process.clock import utc_now
from antiphon.service_names import SERVICES
from deploy import personal_data
from routing.work import offers
from tests.ledgers.system import Service, System
from tests.support.mail import deliver


class Customer(NamedTuple):
    """A customer: the words to search for, and the customer's ids."""

    marks: tuple[str, ...]
    ids: frozenset[str]


def mail_of(mark: str, words: str, message_id: str, answers: str = "") -> bytes:
    """A mail with a file. Every part of it that its sender wrote has the mark."""
    return (
        f"From: Ada {mark} <{mark}@mail.example>\r\nTo: council@banksia.example\r\nSubject: Permit {mark}\r\n"
        f"Message-ID: <{message_id}.{mark}@mail.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +1100\r\n"
        f"{f'In-Reply-To: <{answers}.{mark}@mail.example>' if answers else 'X-Mailer: a'}\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\n{words} {mark}\r\n"
        f'--b\r\nContent-Type: text/plain\r\nContent-ID: <{mark}>\r\nContent-Disposition: attachment; filename="{mark}.txt"\r\n\r\n'
        f"A plan of {mark}\r\n--b--\r\n"
    ).encode()


async def by_mail(system: System) -> Customer:
    """A customer writes; the work is declined, then completed. The customer writes again and is answered; an agent makes a note."""
    mark = f"m{uuid4().hex[:12]}"
    routing, cases = system.services["routing"], system.services["case-mgmt"]

    async def send(words: str, number: str, answers: str = "") -> None:
        raw = mail_of(mark, words, number, answers)
        await system.follow(
            "ingest-email", "SMTP", partial(deliver, system.smtp_port, raw, sender=f"{mark}@mail.example")
        )

    await send("Do I need a permit for a pergola?", "first")
    (case,) = await cases.look("select case_id from case_file where subject like :m", m=f"%{mark}%")
    (work,) = await routing.look("select work_item_id from work_item where case_id = :id", id=case.case_id)

    async def decline() -> None:
        (offer,) = await routing.look(
            "select offer_id from offer where work_item_id = :id", id=work.work_item_id
        )
        async with routing.engine.begin() as tx:
            active = await system.configurations.active(tx, utc_now())
            await offers.decline(tx, offer.offer_id, "elena", active, f"I know {mark}", utc_now())

    await system.follow("routing", "decline", decline)
    await system.complete(case.case_id, f"{mark} telephoned")
    await send("And for a tree?", "second", "first")
    path = f"/cases/{case.case_id}"
    await system.follow(
        "case-mgmt", "note",
        lambda: system.ask("POST", "case-mgmt", f"{path}/notes", "elena", json={"text": f"{mark} is nice"}),
    )  # fmt: skip
    (now,) = await cases.look("select revision from case_file where case_id = :id", id=case.case_id)
    reply = {"text": f"Dear {mark}, none is needed."}
    headers = {"If-Match": f'"{now.revision}"', "Idempotency-Key": str(uuid4())}
    await system.follow(
        "case-mgmt", "reply",
        lambda: system.ask("POST", "case-mgmt", f"{path}/replies", "elena", json=reply, headers=headers),
    )  # fmt: skip
    status = {"status": "resolved", "reason": f"{mark} has what they need"}
    await system.follow(
        "case-mgmt", "status",
        lambda: system.ask("POST", "case-mgmt", f"{path}/status", "elena", json=status),
    )  # fmt: skip
    profile = await ids_of(system, mark)
    customer = next(iter(profile.customers))
    # A dead letter of case-mgmt, and an event that waits in an outbox.
    (subscription,) = [s for s in system.subscriptions if "identified-interactions" in s.topics]
    broken = Record(
        "identified-interactions", 0, system.next_offset("identified-interactions"), str(customer).encode(),
        f'{{"interaction": "{mark}"}}'.encode(),
        (("ce_id", b"1"), ("ce_specversion", b"1.0"), ("ce_source", b"/t"),
         ("ce_type", b"identified-interaction.received.v1"), ("content-type", b"application/json")),
    )  # fmt: skip
    await subscription.consume([broken])
    await deliver(system.smtp_port, mail_of(mark, "Thanks", "third"), sender=f"{mark}@mail.example")
    (last,) = await system.services["ingest-email"].look(
        "select interaction_id from mail where message_id = :m", m=f"<third.{mark}@mail.example>"
    )
    return Customer((mark,), profile.ids | {str(last.interaction_id)})


async def by_post(system: System) -> Customer:
    """A customer posts."""
    mark = f"p{uuid4().hex[:12]}"
    who = await system.world.somebody()
    await system.follow("ingest-social", "stream", lambda: system.post(who, f"what about {mark}?"))
    profile = await ids_of(system, mark)
    return Customer((mark, who.did), profile.ids)


async def by_phone(system: System) -> Customer:
    """A customer calls, and an agent notes it; the work is completed."""
    mark, number = f"c{uuid4().hex[:12]}", "412999123"
    note = {
        "channel": "phone",
        "speaker": {"phone": f"+61{number}", "name": f"Jo {mark}"},
        "text": f"My rates {mark} are wrong.",
        "external_id": mark,
    }
    headers = {"Idempotency-Key": str(uuid4())}
    await system.follow(
        "ingest-direct", "POST /interactions",
        lambda: system.ask("POST", "ingest-direct", "/interactions", "bruno", json=note, headers=headers),
    )  # fmt: skip
    profile = await ids_of(system, mark)
    (case,) = await system.services["case-mgmt"].look(
        "select case_id from case_file where cast(customer as text) like :m", m=f"%{mark}%"
    )
    await system.complete(case.case_id, f"{mark} telephoned")
    return Customer((mark, number), profile.ids)


class Profile(NamedTuple):
    """The ids that the profile of a customer has."""

    customers: frozenset[UUID]
    ids: frozenset[str]


async def ids_of(system: System, mark: str) -> Profile:
    """The ids with which a search begins by docs/personal-data.md: the customer, their interactions, cases and speaker keys."""
    rows = await system.services["customer-profile"].look(
        "select i.* from interaction i where i.customer_id in (select customer_id from interaction where text like :m)",
        m=f"%{mark}%",
    )
    names = ("customer_id", "interaction_id", "case_id", "speaker_key")
    return Profile(
        frozenset(row.customer_id for row in rows),
        frozenset(str(getattr(row, name)) for row in rows for name in names if getattr(row, name)),
    )


STORIES = {"mail": by_mail, "post": by_post, "phone": by_phone}
# Columns in which the words must be found: with fewer the stories would be too short.
AT_LEAST = {
    "mail": {
        "case-mgmt": {
            "case_entry.actor", "case_entry.data", "case_file.customer", "case_file.subject",
            "case_interaction.interaction", "channel_reference.reference", "dead_letter.value", "reply.requested",
        },
        "customer-profile": {
            "customer.folded_name", "customer.name", "identifier.key", "identifier.value", "interaction.speaker_key",
            "interaction.subject", "interaction.text",
        },
        "ingest-email": {
            "attachment.content_id", "attachment.data", "attachment.filename", "mail.headers", "mail.interaction",
            "mail.mail_from", "mail.mail_references", "mail.message_id", "mail.raw", "mail.sender",
            "mail.sender_name", "mail.subject", "outbox.headers", "outbox.key", "outbox.value", "outgoing_mail.raw",
            "outgoing_mail.recipient", "outgoing_reply.request",
        },
        "routing": {
            "clock_entry.cause", "decision.context", "offer.reason", "work_item.subject",
        },
    },
    "post": {
        "case-mgmt": {
            "case_conversation.conversation", "case_interaction.interaction", "channel_reference.reference",
        },
        "customer-profile": {"identifier.key", "interaction.text"},
        "ingest-social": {
            "post.author", "post.conversation", "post.native_id", "post.record", "post.speaker_key", "post.text",
        },
        "routing": {"decision.context"},
    },
    "phone": {
        "case-mgmt": {"case_interaction.interaction"},
        "customer-profile": {"customer.name", "identifier.value", "interaction.text"},
        "ingest-direct": {"interaction.interaction"},
        "routing": {"case_record.dismissed", "decision.context"},
    },
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
async def test_a_customers_words_are_only_in_declared_columns_with_a_path_to_them(
    system: System, story: str
) -> None:
    customer = await STORIES[story](system)
    found: Mapping[str, set[str]] = {
        name: {
            f"{table.name}.{column.name}"
            for table in personal_data.metadata_of(name).sorted_tables
            for column in table.c
            if await is_found(system.services[name], table, column, customer)
        }
        for name in SERVICES
    }
    for name, columns in AT_LEAST[story].items():
        assert columns <= found[name]


async def is_found(service: Service, table: Table, column: Column[object], customer: Customer) -> bool:
    """Whether the column has words of the customer. Fails where it is not declared, or where its path does not lead to them."""
    if not may_hold_words(column):
        return False
    written = (
        f"encode({column.name}, 'escape')"
        if isinstance(column.type, LargeBinary)
        else f'cast("{column.name}" as text)'
    )
    rows = await service.look(f'select cast(ctid as text) as place, {written} as written from "{table.name}"')
    places = {
        row.place for row in rows if any(mark in (row.written or "").lower() for mark in customer.marks)
    }
    if not places:
        return False
    path = declaration_of(table).personal.get(column.name)
    assert path, f"{service.name}: {table.name}.{column.name} holds a customer's words and is not declared"
    if path != SEARCH:
        led = {
            row.place
            for way in ways(path)
            for row in await service.look(query(way, table))
            if row.leads_to in customer.ids
        }
        assert places <= led, (
            f"{service.name}: {path} of {table.name}.{column.name} does not lead to the customer"
        )
    return True
