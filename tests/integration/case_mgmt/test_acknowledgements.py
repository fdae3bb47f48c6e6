"""While a queue is closed the customer gets its acknowledgement at once, and the case still awaits its answer."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.identified import IdentifiedInteractionReceived
from antiphon.contracts.interactions import Identifier
from antiphon.contracts.replies import ReplyFailed, ReplyRequested, ReplySent
from antiphon.contracts.work import WorkHeld
from antiphon.process.clock import utc_now
from case_mgmt import store
from case_mgmt.domain import tokens
from tests.support.case_mgmt import SECRET, answer, apply, apply_in, rows, the_case
from tests.support.events import identified
from tests.support.waiting import until

TEXT = "Thank you. We read this at half past eight."
NIGHT = timedelta(hours=12)


def held(case: Any, opens_at: datetime | None, acknowledgement: str | None = TEXT) -> WorkHeld:
    event = WorkHeld.model_validate(generate.example("work.held.v1")["data"])
    ids = {"case_id": case.case_id, "customer_id": case.customer_id, "work_item_id": uuid4()}
    work = event.work.model_copy(update=ids)
    return event.model_copy(update={"work": work, "opens_at": opens_at, "acknowledge": acknowledgement})


def message_on(channel: str, automation: str = "none") -> Event:
    event = identified(uuid4())
    interaction = event.interaction.model_copy(update={"channel": channel, "automation": automation})
    return event.model_copy(update={"interaction": interaction})


async def requested(engine: AsyncEngine) -> list[ReplyRequested]:
    found = await rows(
        engine,
        "select convert_from(value, 'utf8') as v from outbox where headers like '%reply.requested%' order by id",
    )
    return [ReplyRequested.model_validate_json(row.v) for row in found]


async def entries(engine: AsyncEngine) -> list[Any]:
    return await rows(engine, "select * from case_entry order by id")


async def test_an_acknowledgement_is_sent_and_the_case_still_awaits_its_answer(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    event = identified(uuid4())
    await apply(engine, event)
    before = await the_case(engine)
    await apply(engine, held(before, utc_now() + NIGHT))
    (reply,) = await requested(engine)
    assert (reply.answers, reply.channel) == (event.interaction.interaction_id, "email")
    assert (reply.text, reply.automation, reply.occasion) == (TEXT, "auto-reply", "Rates")
    assert (reply.author.kind, reply.case_revision) == ("system", None)
    assert (reply.recipient, reply.subject_line) == (event.interaction.return_path, None)
    assert reply.case_token == tokens.make(before.number, SECRET)
    after = await the_case(engine)
    same = ("status", "awaiting_answer_since", "words_revision", "replies")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    whole = (await api.get(f"/cases/{before.case_id}")).json()
    assert [(shown["automation"], shown["occasion"]) for shown in whole["replies"]] == [
        ("auto-reply", "Rates")
    ]
    entry = whole["entries"][-1]
    assert (entry["kind"], entry["actor"]["kind"]) == ("acknowledgement-requested", "system")
    assert (entry["data"]["automatic"], entry["data"]["reason"]) == (True, "Rates")
    # An agent who read the case before may answer: nobody has said anything since.
    await answer(engine, before.case_id, before.revision)


async def test_a_repeated_event_of_held_work_is_one_acknowledgement(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4()))
    event = held(await the_case(engine), utc_now() + NIGHT)
    await apply(engine, event, event)
    await apply(engine, event)
    # Of the same night under another id, like that of work that was dismissed and came back.
    await apply(engine, held(await the_case(engine), event.opens_at))
    assert len(await requested(engine)) == 1
    reasons = [
        entry.data.get("not_acknowledged_code")
        for entry in await entries(engine)
        if entry.kind == "work.held"
    ]
    assert reasons == [None, "sent-for-this-opening"]


async def test_an_acknowledgement_is_sent_once_a_night_and_again_on_another_evening(
    engine: AsyncEngine,
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, identified(customer))
    case = await the_case(engine)
    await apply(engine, held(case, now + NIGHT), now=now)
    again = identified(customer, text="Are you there?")
    later = again.interaction.model_copy(update={"accepted_at": now + timedelta(minutes=50)})
    await apply(engine, again.model_copy(update={"interaction": later}))
    await apply(engine, held(case, now + NIGHT + timedelta(hours=1)), now=now + timedelta(hours=1))
    assert len(await requested(engine)) == 1
    evening = now + timedelta(hours=25)
    await apply(engine, held(case, evening + NIGHT), now=evening)
    assert len(await requested(engine)) == 2
    # On the evening after that the customer has written nothing new.
    evening += timedelta(hours=25)
    await apply(engine, held(case, evening + NIGHT), now=evening)
    assert len(await requested(engine)) == 2


async def test_a_customer_gets_at_most_three_acknowledgements_a_day_on_all_cases(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    for department in ("rates", "roads", "parks", "waste", "planning"):
        await apply(engine, identified(customer, department=department))
    cases = await rows(engine, "select * from case_file order by number")
    for case in cases[:2]:
        await apply(engine, held(case, utc_now() + NIGHT))
    await apply(engine, *(held(case, utc_now() + NIGHT) for case in cases[2:]))
    assert len(await requested(engine)) == 3


def sent_by(return_path: str | None) -> IdentifiedInteractionReceived:
    """A message of a new customer, with the envelope sender that they chose."""
    event = identified(uuid4())
    address = Identifier(kind="email", value=return_path) if return_path else None
    return event.model_copy(
        update={"interaction": event.interaction.model_copy(update={"return_path": address})}
    )


async def test_an_acknowledgement_goes_to_the_envelope_sender_or_to_nobody(engine: AsyncEngine) -> None:
    await apply(engine, sent_by("bounces@mailer.example"), sent_by(None))
    for case in await rows(engine, "select * from case_file order by number"):
        await apply(engine, held(case, utc_now() + NIGHT))
    (reply,) = await requested(engine)
    assert reply.recipient == Identifier(kind="email", value="bounces@mailer.example")
    entry = (await entries(engine))[-1].data
    assert (entry["not_acknowledged_code"], "no address" in entry["not_acknowledged"]) == ("no-address", True)


async def test_an_address_gets_at_most_three_acknowledgements_a_day_from_all_strangers(
    engine: AsyncEngine,
) -> None:
    await apply(engine, *(sent_by("victim@target.example") for _ in range(6)))
    cases = await rows(engine, "select * from case_file order by number")
    await apply(engine, *(held(case, utc_now() + NIGHT) for case in cases[:2]))

    async def waits(other: asyncio.Task[None]) -> bool:
        found = await rows(engine, "select 1 from pg_locks where locktype = 'advisory' and not granted")
        return bool(found) or other.done()

    # Another replica handles the next ones before this transaction commits.
    async with engine.begin() as tx:
        await apply_in(tx, held(cases[2], utc_now() + NIGHT))
        other = asyncio.create_task(apply(engine, *(held(case, utc_now() + NIGHT) for case in cases[3:])))
        await until(lambda: waits(other), what="the other replica to wait")
    await other
    assert len(await requested(engine)) == 3
    reasons = [
        entry.data.get("not_acknowledged_code")
        for entry in await entries(engine)
        if entry.kind == "work.held"
    ]
    assert reasons == [None] * 3 + ["address-limit"] * 3


@pytest.mark.parametrize("automation", ["auto-reply", "bounce", "bulk", "loop"])
async def test_an_automatic_message_is_not_acknowledged(engine: AsyncEngine, automation: str) -> None:
    await apply(engine, message_on("email", automation))
    await apply(engine, held(await the_case(engine), utc_now() + NIGHT))
    assert await requested(engine) == []


@pytest.mark.parametrize("channel", ["phone", "letter", "visit"])
async def test_calls_letters_and_visits_get_no_acknowledgement_and_the_record_says_why(
    engine: AsyncEngine, channel: str
) -> None:
    await apply(engine, message_on(channel))
    await apply(engine, held(await the_case(engine), utc_now() + NIGHT))
    assert await requested(engine) == []
    assert (await entries(engine))[-1].data["not_acknowledged_code"] == "answered-by-a-person"


async def test_the_queries_for_held_work_use_the_indexes(engine: AsyncEngine) -> None:
    ids, at = f"array['{uuid4()}'::uuid]", "now()"
    plans: list[str] = []
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into acknowledgement select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), null, "
                "'email:' || n from generate_series(1, 5000) n"
            )
        )
        await tx.execute(
            text(
                "insert into case_interaction (interaction_id, case_id, interaction, reading, threaded_by, occurred_at, accepted_at) "
                "select gen_random_uuid(), gen_random_uuid(), '{}', '{}', '', now(), now() "
                "from generate_series(1, 5000)"
            )
        )
        await tx.execute(text("analyze"))
        for query in (store.acknowledgements.EARLIER, store.interactions.NEWEST_OF_PEOPLE):
            asked = query.text.replace(":ids", ids).replace(":customers", ids).replace(":since", at)
            asked = asked.replace(":recipients", "array['email:7']")
            plans.append("\n".join(row[0] for row in await tx.execute(text(f"explain {asked}"))))
    assert "acknowledgement_case_id_ix" in plans[0]
    assert "acknowledgement_customer_id_ix" in plans[0]
    assert "acknowledgement_recipient_ix" in plans[0]
    assert "case_interaction_accepted_ix" in plans[1]
    assert "Seq Scan" not in "".join(plans)


async def test_held_work_without_an_acknowledgement_requests_nothing(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4()))
    await apply(engine, held(await the_case(engine), utc_now() + NIGHT, acknowledgement=None))
    assert await requested(engine) == []
    assert "not_acknowledged" not in (await entries(engine))[-1].data


@pytest.mark.parametrize("outcome", ["sent", "failed"])
async def test_the_outcome_of_an_acknowledgement_is_recorded_and_changes_nothing_else(
    engine: AsyncEngine, outcome: str
) -> None:
    customer = uuid4()
    await apply(engine, identified(customer))
    await apply(engine, held(await the_case(engine), utc_now() + NIGHT))
    (reply,) = await requested(engine)
    before, published = await the_case(engine), len(await rows(engine, "select 1 from outbox"))
    about: dict[str, Any] = {"reply_id": reply.reply_id, "case_id": reply.case_id, "channel": "email"}
    end: Event = ReplySent(**about, native_ids=["<ours>"], author=reply.author, sent_at=utc_now())
    if outcome == "failed":
        end = ReplyFailed(**about, outcome="refused", reason="550", attempts=1, failed_at=utc_now())
    await apply(engine, end)
    after = await the_case(engine)
    same = ("status", "awaiting_answer_since", "words_revision", "replies", "reopened")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert (await entries(engine))[-1].kind == f"acknowledgement-{outcome}"
    assert len(await rows(engine, "select 1 from outbox")) == published
    assert [row.state for row in await rows(engine, "select state from reply")] == [outcome]
    if outcome == "sent":  # and a message that answers it is on the case
        await apply(engine, identified(customer, department="roads", answers=["<ours>"]))
        assert (await the_case(engine)).interactions == 2


async def test_an_acknowledgement_that_fails_after_a_reply_does_not_reopen_the_case(
    engine: AsyncEngine,
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await apply(engine, held(case, utc_now() + NIGHT))
    (reply,) = await requested(engine)
    await answer(engine, case.case_id, case.revision)
    about: dict[str, Any] = {"reply_id": reply.reply_id, "case_id": reply.case_id, "channel": "email"}
    await apply(engine, ReplyFailed(**about, outcome="gave-up", reason="", attempts=9, failed_at=utc_now()))
    after = await the_case(engine)
    assert (after.status, after.awaiting_answer_since) == ("pending", None)
