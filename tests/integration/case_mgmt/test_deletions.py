"""Customers delete what they said: what then awaits an answer, and what becomes of the case."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.replies import ReplyFailed
from antiphon.kafka.consumer import NonRetryableError
from antiphon.process.clock import utc_now
from case_mgmt import store
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

NOW = utc_now()
SECOND = timedelta(seconds=1)


def failed(reply_id: UUID, case_id: UUID) -> ReplyFailed:
    event = ReplyFailed.model_validate(generate.example("reply.failed.v1")["data"])
    return event.model_copy(update={"reply_id": reply_id, "case_id": case_id, "failed_at": NOW + 60 * SECOND})


async def test_a_case_whose_only_words_were_deleted_is_closed_and_awaits_nothing(engine: AsyncEngine) -> None:
    only = message(uuid4(), "one", NOW)
    await apply(engine, only)
    await apply(engine, deleted(only))
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("closed", None)
    (event,) = await published(engine, "case.status-changed.v1")
    assert (event["trigger"], event["previous"], event["by"]["kind"]) == ("words-deleted", "new", "customer")
    (entry,) = await rows(engine, "select data from case_entry where kind = 'status-changed'")
    assert entry.data["reason"] == "the customer deleted what awaited an answer"


@pytest.mark.parametrize("at_once", [True, False])
async def test_while_other_words_await_an_answer_the_case_awaits_it_since_the_oldest(
    engine: AsyncEngine, *, at_once: bool
) -> None:
    customer = uuid4()
    words = [message(customer, f"{n}", NOW + n * SECOND) for n in range(4)]
    events = [*words, deleted(words[2]), deleted(words[0])]
    for batch in [events] if at_once else [[event] for event in events]:
        await apply(engine, *batch)
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("new", NOW + SECOND)
    gone = await published(engine, "case.interaction-deleted.v1")
    assert [texts(event) for event in gone] == [["0", "1", "3"], ["1", "3"]]
    await apply(engine, deleted(words[3]), deleted(words[1]))
    assert ((await the_case(engine)).status, (await the_case(engine)).awaiting_answer_since) == (
        "closed",
        None,
    )


async def test_the_oldest_words_that_remain_are_found_beyond_the_bound_of_an_event(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    words = [message(customer, f"{n}", NOW + n * SECOND) for n in range(70)]
    await apply(engine, *words)
    await apply(engine, *(deleted(one) for one in words[:3]))
    assert (await the_case(engine)).awaiting_answer_since == NOW + 3 * SECOND


async def test_after_earlier_answers_a_deletion_leaves_the_customer_awaited(engine: AsyncEngine) -> None:
    customer = uuid4()
    first, second = message(customer, "one", NOW), message(customer, "two", NOW + SECOND)
    await apply(engine, first)
    await answer(engine, (await the_case(engine)).case_id, 1)
    await apply(engine, second)
    await apply(engine, deleted(second), deleted(first))
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("pending", None)


async def test_deleting_answered_or_automatic_words_changes_nothing_that_is_awaited(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    first = message(customer, "one", NOW)
    await apply(engine, first)
    await answer(engine, (await the_case(engine)).case_id, 1)
    second = message(customer, "two", NOW + SECOND)
    machine = message(customer, "away", NOW, automation="auto-reply")
    thread = machine.interaction.thread.model_copy(update={"answers": [first.interaction.thread.native_id]})
    machine = machine.model_copy(
        update={"interaction": machine.interaction.model_copy(update={"thread": thread})}
    )
    await apply(engine, second, machine)
    await apply(engine, deleted(first), deleted(machine))
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("open", NOW + SECOND)


async def test_edits_that_come_late_or_after_the_deletion_ask_for_nothing(engine: AsyncEngine) -> None:
    customer = uuid4()
    first, second = message(customer, "one", NOW), message(customer, "two", NOW + SECOND)
    await apply(engine, first, second, edited(first, "one!", NOW + 5 * SECOND))
    asked = (await the_case(engine)).asked_revision
    await apply(engine, edited(first, "one?", NOW + 4 * SECOND), deleted(second))
    await apply(engine, edited(second, "two!", NOW + 9 * SECOND))
    case = await the_case(engine)
    assert (case.asked_revision, case.awaiting_answer_since) == (asked, NOW)
    changed = await published(engine, "case.interaction-edited.v1")
    assert [event["interaction"]["text"] for event in changed] == ["one!", "one!"]


async def test_a_deletion_before_its_words_takes_effect_when_it_is_replayed(engine: AsyncEngine) -> None:
    only = message(uuid4(), "one", NOW)
    with pytest.raises(NonRetryableError):
        await apply(engine, deleted(only))
    await apply(engine, only)
    await apply(engine, deleted(only))
    before = await the_case(engine)
    await apply(engine, deleted(only))
    assert (before.status, await the_case(engine)) == ("closed", before)


async def test_words_whose_answer_failed_and_that_are_deleted_then_await_nothing(engine: AsyncEngine) -> None:
    only = message(uuid4(), "one", NOW)
    await apply(engine, only)
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, 1)
    await apply(engine, failed(reply.reply_id, case.case_id), deleted(only))
    assert (await the_case(engine)).awaiting_answer_since is None


async def test_an_answer_that_failed_after_its_words_were_deleted_still_wants_a_person(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    first, second = message(customer, "one", NOW), message(customer, "two", NOW + SECOND)
    await apply(engine, first)
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, 1)
    await apply(engine, deleted(first), failed(reply.reply_id, case.case_id))
    await apply(engine, second)
    await apply(engine, deleted(second))
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("open", NOW)


async def test_a_case_that_a_person_opened_stays_open_when_its_words_are_deleted(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    only = message(uuid4(), "one", NOW)
    await apply(engine, only)
    case = await the_case(engine)
    for status in ("pending", "open"):
        asked = {"status": status, "reason": "a call"}
        assert (await api.post(f"/cases/{case.case_id}/status", json=asked)).status_code == 200
    await apply(engine, deleted(only))
    case = await the_case(engine)
    assert (case.status, case.awaiting_answer_since) == ("open", None)


async def test_what_a_deletion_must_know_is_read_by_index(engine: AsyncEngine) -> None:
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
        asked = store.interactions.WORDS_ON_CASES.text
        for name, value in (
            (":ids", f"array['{case_id}'::uuid]"),
            (":most", "array[2]"),
            (":deleted", f"array['{case_id}'::uuid]"),
        ):
            asked = asked.replace(name, value)
        plan = "\n".join(row[0] for row in await tx.execute(text(f"explain {asked}")))
    assert "Seq Scan on case_interaction" not in plan
