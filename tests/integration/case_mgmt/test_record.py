"""The record has everything that was message, once, also when several consumers and agents work at the same time."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
    Reading,
)
from antiphon.contracts.interactions import InteractionDeleted, InteractionEdited
from antiphon.contracts.work import SlaBreached, SlaMet, WorkCompleted
from antiphon.http.preconditions import Seen
from antiphon.http.problems import Problem
from antiphon.process.clock import utc_now
from case_mgmt.domain.replies import ReplyDraft
from case_mgmt.replies import request_reply
from tests.support.case_mgmt import AMARA, SECRET, answer, apply, rows, the_case
from tests.support.events import identified
from tests.support.waiting import until


def edited(message: IdentifiedInteractionReceived, words: str) -> IdentifiedInteractionEdited:
    example = generate.example("identified-interaction.edited.v1")["data"]["edit"]
    content = message.interaction.content.model_copy(update={"text": words})
    changes = {"interaction_id": message.interaction.interaction_id, "revision": words, "content": content}
    edit = InteractionEdited.model_validate(example).model_copy(update=changes)
    return IdentifiedInteractionEdited(edit=edit, customer=message.customer, reading=Reading())


def deleted(message: IdentifiedInteractionReceived) -> IdentifiedInteractionDeleted:
    example = generate.example("identified-interaction.deleted.v1")["data"]["deletion"]
    deletion = InteractionDeleted.model_validate(example).model_copy(
        update={"interaction_id": message.interaction.interaction_id}
    )
    return IdentifiedInteractionDeleted(deletion=deletion, customer=message.customer)


def with_subject(message: IdentifiedInteractionReceived, subject: str) -> IdentifiedInteractionReceived:
    content = message.interaction.content.model_copy(update={"subject": subject})
    interaction = message.interaction.model_copy(update={"content": content})
    return message.model_copy(update={"interaction": interaction})


@pytest.mark.parametrize("batches", ["together", "one by one"])
async def test_every_version_of_an_edited_message_is_stored(
    engine: AsyncEngine, api: httpx.AsyncClient, batches: str
) -> None:
    message = identified(uuid4(), text="first")
    events: list[Event] = [message, edited(message, "second"), edited(message, "third")]
    for batch in [events] if batches == "together" else [[event] for event in events]:
        await apply(engine, *batch)
    (row,) = await rows(engine, "select * from case_interaction")
    assert [version["content"]["text"] for version in row.earlier] == ["first", "second"]
    assert row.interaction["content"]["text"] == "third"
    (shown,) = (await api.get(f"/cases/{row.case_id}")).json()["interactions"]
    assert [version["content"]["text"] for version in shown["earlier"]] == ["first", "second"]


async def test_the_defects_of_an_edit_are_on_the_case(engine: AsyncEngine) -> None:
    message = identified(uuid4(), text="first")
    new = edited(message, "second")
    new = new.model_copy(update={"edit": new.edit.model_copy(update={"defects": ["text-cut"]})})
    await apply(engine, message, new)
    (row,) = await rows(engine, "select interaction from case_interaction")
    assert row.interaction["defects"] == [*message.interaction.defects, "text-cut"]


async def test_a_message_of_a_conversation_joins_its_case_within_and_after_a_batch(
    engine: AsyncEngine,
) -> None:
    jo = uuid4()
    lines = [
        identified(jo, department=about, conversation="bot:7", answers=[])
        for about in ("rates", "roads", "parks")
    ]
    await apply(engine, *lines[:2])
    await apply(engine, lines[2])
    assert (await the_case(engine)).interactions == 3


@pytest.mark.parametrize("named", ["bot:7", "conversation:bot:7"])
async def test_a_mail_does_not_join_a_conversation_by_a_reference(engine: AsyncEngine, named: str) -> None:
    jo, mallory = uuid4(), uuid4()
    await apply(engine, identified(mallory, answers=[named]))
    await apply(engine, identified(jo, conversation="bot:7", answers=[]))
    await apply(engine, identified(mallory, answers=[named], department="roads"))
    await apply(engine, identified(jo, conversation="bot:7", answers=[], department="parks"))
    found = await rows(
        engine, f"select interactions, related_case_id from case_file where customer_id = '{jo}'"
    )
    assert [tuple(row) for row in found] == [(2, None)]
    assert [row.related_case_id for row in await rows(engine, "select related_case_id from case_file")] == [
        None
    ] * 3


async def test_two_consumers_with_messages_of_one_stranger_open_one_case(engine: AsyncEngine) -> None:
    customer = uuid4()
    message = [identified(customer, text=str(n)) for n in range(8)]
    await asyncio.gather(*(apply(engine, event) for event in message))
    assert (await the_case(engine)).interactions == 8


async def test_two_consumers_with_the_same_message_record_it_once(engine: AsyncEngine) -> None:
    message = identified(uuid4())
    await asyncio.gather(*(apply(engine, message) for _ in range(6)))
    assert (await the_case(engine)).interactions == 1
    assert len(await rows(engine, "select 1 from outbox")) == 1


async def test_one_key_on_two_cases_at_once_is_one_reply_and_one_refusal(engine: AsyncEngine) -> None:
    await apply(engine, *(identified(uuid4()) for _ in range(2)))
    first, second = await rows(engine, "select case_id from case_file")
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with engine.begin() as tx:
        await request_reply(
            tx, first.case_id, ReplyDraft("Yes."), key="the same", seen=Seen(None), who=AMARA, secret=SECRET, now=utc_now()
        )  # fmt: skip
        late = asyncio.create_task(answer(engine, second.case_id, 1, key="the same"))
        await until(lambda: rows(engine, waiting), what="the second request to wait")
    with pytest.raises(Problem) as lost:
        await late
    assert lost.value.status == 422
    assert len(await rows(engine, "select 1 from reply")) == 1
    assert sorted(row.status for row in await rows(engine, "select status from case_file")) == [
        "new",
        "pending",
    ]


async def test_a_deleted_message_is_not_answered(engine: AsyncEngine) -> None:
    customer = uuid4()
    first, second = identified(customer, text="first"), identified(customer, text="second")
    await apply(engine, first, second, deleted(second))
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, case.revision)
    assert reply.answers == first.interaction.interaction_id
    await apply(engine, deleted(first))
    with pytest.raises(Problem) as nothing_left:
        await answer(engine, case.case_id, (await the_case(engine)).revision, key="another")
    assert nothing_left.value.status == 409


async def test_the_subject_of_a_case_follows_the_message_that_opened_it(engine: AsyncEngine) -> None:
    customer = uuid4()
    first, second = (with_subject(identified(customer), "My secret") for _ in range(2))
    await apply(engine, first, second)
    assert (await the_case(engine)).subject == "My secret"
    await apply(engine, deleted(second))
    assert (await the_case(engine)).subject == "My secret"
    await apply(engine, edited(with_subject(first, "My bins"), "words"))
    assert (await the_case(engine)).subject == "My bins"
    await apply(engine, deleted(first))
    assert (await the_case(engine)).subject is None
    (event,) = await rows(engine, "select cast(value as text) as value from outbox order by id desc limit 1")
    assert "My bins" not in bytes.fromhex(event.value.removeprefix("\\x")).decode()


async def test_an_sla_event_after_completed_work_leaves_the_case_in_no_queue(
    engine: AsyncEngine,
) -> None:
    await apply(engine, identified(uuid4()))
    case_id = (await the_case(engine)).case_id
    for kind in (WorkCompleted, SlaMet):
        event = kind.model_validate(generate.example(kind.type)["data"])
        work = event.work.model_copy(update={"case_id": case_id, "state": "completed"})
        await apply(engine, event.model_copy(update={"work": work}))
    case = await the_case(engine)
    assert (case.queue, case.due_at, case.agent_id) == (None, None, None)


async def test_a_target_that_is_met_leaves_the_others_breached_and_the_case_due(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4()))
    case_id = (await the_case(engine)).case_id
    seen: list[tuple[list[str], bool]] = []
    for kind, target in (
        (SlaBreached, "resolution"),
        (SlaBreached, "next-response"),
        (SlaMet, "next-response"),
        (SlaMet, "resolution"),
    ):
        event = kind.model_validate(generate.example(kind.type)["data"])
        work = event.work.model_copy(update={"case_id": case_id, "state": "accepted"})
        clock = event.clock.model_copy(update={"target": target})
        await apply(engine, event.model_copy(update={"work": work, "clock": clock}))
        case = await the_case(engine)
        seen.append((case.breached, case.due_at == work.due_at))
    assert seen == [
        (["resolution"], True),
        (["next-response", "resolution"], True),
        (["resolution"], True),
        ([], True),
    ]


async def test_a_reply_must_have_seen_that_a_person_resolved_the_case(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, identified(uuid4()))
    case_id = (await the_case(engine)).case_id
    resolved = {"status": "resolved", "reason": "by phone"}
    assert (await api.post(f"/cases/{case_id}/status", json=resolved)).json()["status"] == "resolved"
    with pytest.raises(Problem) as stale:
        await answer(engine, case_id, 1)
    assert stale.value.status == 412
    assert stale.value.body["last"]["kind"] == "status-changed"


async def test_a_late_edit_is_stored_and_does_not_replace_newer_content(engine: AsyncEngine) -> None:
    message = identified(uuid4(), text="first")
    old, new = edited(message, "second"), edited(message, "third")
    later = old.edit.accepted_at + timedelta(minutes=1)
    new = new.model_copy(update={"edit": new.edit.model_copy(update={"accepted_at": later})})
    for event in (message, new, old):
        await apply(engine, event)
    (row,) = await rows(engine, "select * from case_interaction")
    assert row.interaction["content"]["text"] == "third"
    assert [version["content"]["text"] for version in row.earlier] == ["first", "second"]
