"""The unanswered messages that events of cases carry, so that routing asks its rules about all of them together."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.replies import ReplyFailed
from antiphon.contracts.work import WorkAccepted
from antiphon.process.clock import utc_now
from case_mgmt import store
from case_mgmt.domain.unanswered import MOST_BYTES, MOST_INTERACTIONS
from tests.support.case_mgmt import (
    answer,
    apply,
    deleted,
    edited,
    message,
    published,
    rows,
    texts,
    the_case,
)
from tests.support.events import identified


async def failed(engine: AsyncEngine, reply_id: UUID, case_id: UUID) -> ReplyFailed:
    event = ReplyFailed.model_validate(generate.example("reply.failed.v1")["data"])
    return event.model_copy(update={"reply_id": reply_id, "case_id": case_id, "failed_at": utc_now()})


async def test_a_new_message_is_published_with_the_unanswered_ones_before_it(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    events = [
        message(customer, words, now + timedelta(seconds=n))
        for n, words in enumerate(["one", "two", "three"])
    ]
    await apply(engine, events[0])
    await apply(engine, *events[1:])
    assert [texts(event) for event in await published(engine, "case.interaction-added.v1")] == [
        ["one"],
        ["one", "two"],
    ]
    case = await the_case(engine)
    assert case.asked_revision == case.revision == 3


async def test_answered_and_automatic_messages_are_not_unanswered(engine: AsyncEngine) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "one", now))
    case = await the_case(engine)
    await answer(engine, case.case_id, 1)
    later = now + timedelta(seconds=9)
    reference = (await rows(engine, "select interaction from case_interaction"))[0].interaction["thread"][
        "native_id"
    ]
    machine = message(customer, "I am away", later, automation="auto-reply")
    thread = machine.interaction.thread.model_copy(update={"answers": [reference]})
    machine = machine.model_copy(
        update={"interaction": machine.interaction.model_copy(update={"thread": thread})}
    )
    await apply(
        engine,
        machine,
        message(customer, "two", later),
        message(customer, "three", later + timedelta(seconds=1)),
    )
    added = await published(engine, "case.interaction-added.v1")
    assert [(one["interaction"]["text"], texts(one)) for one in added] == [
        ("I am away", []), ("two", []), ("three", ["two"]),
    ]  # fmt: skip


async def test_a_failed_reply_is_published_with_the_messages_that_it_had_answered(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(
        engine, message(customer, "gas leak", now), message(customer, "hurry", now + timedelta(seconds=1))
    )
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, case.revision)
    await apply(engine, await failed(engine, reply.reply_id, case.case_id))
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert (event["trigger"], texts(event)) == ("reply-failed", ["gas leak", "hurry"])
    assert event["case"]["asked_revision"] == event["case"]["revision"]


async def test_a_reply_that_fails_after_a_new_message_leaves_both_messages_unanswered(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "gas leak", now))
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, 1)
    await apply(engine, message(customer, "hello?", now + timedelta(seconds=5)))
    await apply(engine, await failed(engine, reply.reply_id, case.case_id))
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert (event["previous"], event["case"]["status"], event["trigger"]) == ("open", "open", "reply-failed")
    assert texts(event) == ["gas leak", "hello?"]
    assert (await the_case(engine)).awaiting_answer_since == now


async def test_a_failed_reply_leaves_what_another_reply_answered_as_answered(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "one", now))
    case = await the_case(engine)
    first = await answer(engine, case.case_id, case.revision, key="a")
    await apply(engine, message(customer, "gas leak", now + timedelta(seconds=5)))
    case = await the_case(engine)
    await answer(engine, case.case_id, case.revision, key="b")
    await apply(engine, await failed(engine, first.reply_id, case.case_id))
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert (event["trigger"], texts(event)) == ("reply-failed", ["one"])
    await apply(engine, message(customer, "three", now + timedelta(seconds=9)))
    assert texts((await published(engine, "case.interaction-added.v1"))[-1]) == ["one"]


async def test_two_replies_that_fail_in_one_batch_make_their_messages_unanswered(engine: AsyncEngine) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "gas leak", now))
    case = await the_case(engine)
    first = await answer(engine, case.case_id, case.revision, key="a")
    case = await the_case(engine)
    second = await answer(engine, case.case_id, case.revision, key="b")
    events = [await failed(engine, reply.reply_id, case.case_id) for reply in (first, second)]
    await apply(engine, *events)
    assert [texts(one) for one in (await published(engine, "case.status-changed.v1"))[-2:]] == [
        ["gas leak"]
    ] * 2


async def test_a_failed_reply_leaves_what_a_person_resolved_without_a_reply_answered(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "one", now))
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, case.revision)
    await apply(engine, message(customer, "two", now + timedelta(seconds=5)))
    asked = {"status": "resolved", "reason": "by phone"}
    assert (await api.post(f"/cases/{case.case_id}/status", json=asked)).status_code == 200
    await apply(engine, await failed(engine, reply.reply_id, case.case_id))
    assert texts((await published(engine, "case.status-changed.v1"))[-1]) == ["one"]


async def test_the_event_of_a_reopened_case_carries_the_unanswered_messages(engine: AsyncEngine) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "one", now))
    case = await the_case(engine)
    await answer(engine, case.case_id, 1)
    await apply(engine, message(customer, "two", now + timedelta(seconds=5)))
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert (event["trigger"], texts(event)) == ("customer-spoke", ["two"])


async def test_a_message_is_published_with_the_unanswered_ones_of_its_case_only(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    for n, department in enumerate(("rates", "roads", "planning")):
        event = identified(customer, text=f"about {department}", department=department)
        interaction = event.interaction.model_copy(update={"accepted_at": now + timedelta(seconds=n)})
        await apply(engine, event.model_copy(update={"interaction": interaction}))
    await apply(engine, identified(customer, text="more", department="roads"))
    (added,) = await published(engine, "case.interaction-added.v1")
    assert texts(added) == ["about roads"]


async def test_a_person_who_opens_a_case_asks_for_an_answer_and_an_acceptance_does_not(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    case = await the_case(engine)
    accepted = WorkAccepted.model_validate(generate.example("work.accepted.v1")["data"])
    work = accepted.work.model_copy(update={"case_id": case.case_id})
    await apply(engine, accepted.model_copy(update={"work": work}))
    for status in ("pending", "open"):
        asked = {"status": status, "reason": "an answer could not be sent"}
        assert (await api.post(f"/cases/{case.case_id}/status", json=asked)).status_code == 200
    events = await published(engine, "case.status-changed.v1")
    assert [(one["trigger"], one["case"]["asked_revision"], texts(one)) for one in events] == [
        ("work-accepted", 1, []), ("set-by-person", 1, []), ("set-by-person", 4, ["one"]),
    ]  # fmt: skip


async def test_unanswered_messages_are_the_edited_ones_without_the_deleted_ones(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    first, second = message(customer, "one", now), message(customer, "two", now + timedelta(seconds=1))
    await apply(engine, first, second)
    three = message(customer, "three", now + timedelta(seconds=3))
    await apply(engine, edited(first, "one!", now + timedelta(seconds=2)), deleted(second), three)
    (event,) = await published(engine, "case.interaction-edited.v1")
    assert (event["interaction"]["text"], texts(event)) == ("one!", ["two"])
    assert event["case"]["asked_revision"] == event["case"]["revision"]
    assert texts((await published(engine, "case.interaction-added.v1"))[-1]) == ["one!"]


async def test_an_event_carries_the_newest_unanswered_messages_up_to_a_bound(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(
        engine,
        *(
            message(customer, f"{n} " + "ä" * 4000, now + timedelta(seconds=n))
            for n in range(MOST_INTERACTIONS + 20)
        ),
    )
    await apply(engine, message(customer, "the last", now + timedelta(minutes=5)))
    event = (await published(engine, "case.interaction-added.v1"))[-1]
    words = texts(event)
    assert words[-1].startswith(f"{MOST_INTERACTIONS + 19} ")
    assert MOST_BYTES // 2 < sum(len(one.encode()) for one in words) <= MOST_BYTES
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 2 * MOST_BYTES


async def test_unanswered_messages_are_read_by_index_up_to_the_bound(engine: AsyncEngine) -> None:
    case_id = uuid4()
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into case_interaction (interaction_id, case_id, interaction, reading, threaded_by, occurred_at, accepted_at) "
                "select gen_random_uuid(), case when n % 2 = 0 then :case_id else gen_random_uuid() end, "
                "'{\"automation\": \"none\"}', '{}', '', now(), now() + n * interval '1 s' from generate_series(1, 6000) n"
            ).bindparams(case_id=case_id)
        )
        await tx.execute(text("analyze"))
        asked = store.interactions.UNANSWERED.text.replace(":ids", f"array['{case_id}'::uuid]").replace(
            ":since", "array[now()]"
        )
        plan = "\n".join(row[0] for row in await tx.execute(text(f"explain (analyze, timing off) {asked}")))
    assert "case_interaction_accepted_ix" in plan
    assert f"rows={MOST_INTERACTIONS} loops=1" in plan
    assert "rows=3000" not in plan
