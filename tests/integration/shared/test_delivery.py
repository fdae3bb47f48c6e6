"""The sender of replies on a real database; the test plays the other side."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.base import Actor
from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import actions, store, views
from antiphon.delivery.attempts import Ended, Result, Schedule, Verdict, judge
from antiphon.delivery.sender import Limits, Sender
from antiphon.delivery.store import Asked, Sending
from antiphon.delivery.views import OutgoingReply
from antiphon.postgres.engine import create_engine
from antiphon.postgres.writes import Writes
from antiphon.process.clock import utc_now
from tests.conftest import NewDatabase
from tests.support.statements import counted
from tests.support.waiting import until

Send = Callable[[Sending], Awaitable[Result]]
MOMENT = timedelta(milliseconds=50)


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("ingest_social")


async def ask(
    engine: AsyncEngine, *, to: str = "there", count: int = 1, refused: str | None = None
) -> list[UUID]:
    requests = [
        ReplyRequested(
            reply_id=uuid4(), case_id=uuid4(), channel="social", network=to, case_reference="C-1", customer_id=uuid4(),
            answers=uuid4(), account="us", visibility="public", text="On Monday.",
            author=Actor(kind="agent", id="grace"), case_token="t", requested_at=utc_now(),
        )
        for _ in range(count)
    ]  # fmt: skip
    await take(engine, *(Asked(request, to, refused) for request in requests))
    return [request.reply_id for request in requests]


async def take(engine: AsyncEngine, *requests: Asked) -> set[UUID]:
    async with engine.begin() as tx:
        writes = Writes()
        new = await actions.take(tx, writes, requests, source="test", now=utc_now())
        await writes.send(tx)
        return new


@asynccontextmanager
async def running_sender(
    engine: AsyncEngine, send: Send, *, recognises_repeats: bool = True
) -> AsyncGenerator[None]:
    async def load(_tx: AsyncConnection, sending: Sending) -> Sending:
        return sending

    sender = Sender(
        "test", engine, load, send, Schedule(MOMENT, MOMENT, timedelta(days=1)), Limits(4, 1, timedelta(minutes=1)),
        recognises_repeats=lambda _: recognises_repeats,
    )  # fmt: skip
    task = asyncio.create_task(sender.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def shown(engine: AsyncEngine, reply_id: UUID) -> OutgoingReply:
    async with engine.connect() as connection:
        reply = await views.show(connection, reply_id)
    assert reply is not None
    return reply


async def ended(engine: AsyncEngine, reply_id: UUID) -> OutgoingReply:
    async def is_ended() -> OutgoingReply | None:
        reply = await shown(engine, reply_id)
        return reply if reply.ended_at else None

    reply = await until(is_ended, what="the end of the reply")
    assert reply is not None
    return reply


async def kinds(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("select headers::json ->> 'ce_type' as kind from outbox order by id")
        )
        return [row.kind for row in rows]


async def cut_off(engine: AsyncEngine) -> None:
    """Claims a reply as a process that then dies."""
    async with engine.begin() as tx:
        assert await store.claim(tx, timedelta(0), []) is not None


async def accept(_sending: Sending) -> Result:
    return Result(Ended.ACCEPTED, native_ids=["there/1"], link="https://there.example/1")


async def test_a_cut_off_attempt_is_made_again_where_a_repeat_is_recognised(
    engine: AsyncEngine,
) -> None:
    (reply_id,) = await ask(engine)
    await cut_off(engine)
    async with running_sender(engine, accept):
        reply = await ended(engine, reply_id)
    assert (reply.state, reply.native_ids) == ("sent", ["there/1"])
    assert [attempt.outcome for attempt in reply.attempts] == [None, "accepted"]
    assert await kinds(engine) == ["reply.sent.v1"]


async def test_a_cut_off_attempt_goes_to_a_person_where_a_repeat_is_not_recognised(
    engine: AsyncEngine,
) -> None:
    (reply_id,) = await ask(engine)
    await cut_off(engine)
    sent: list[Sending] = []

    async def record(sending: Sending) -> Result:
        sent.append(sending)
        return await accept(sending)

    async with running_sender(engine, record, recognises_repeats=False):
        reply = await ended(engine, reply_id)
        (other,) = await ask(engine)
        assert (await ended(engine, other)).state == "sent"
    assert (reply.state, reply.reason) == ("failed", "attempt 1 was cut off")
    assert [sending.reply_id for sending in sent] == [other]
    async with engine.connect() as connection:
        outcome = await connection.scalar(
            text("select convert_from(value, 'utf8')::json ->> 'outcome' from outbox order by id limit 1")
        )
    assert outcome == "unknown"


@pytest.mark.parametrize(
    ("recognises_repeats", "state", "outcomes"),
    [(True, "sent", ["unknown", "accepted"]), (False, "failed", ["unknown"])],
)
async def test_a_send_that_raises_has_an_unknown_outcome_and_delays_no_other(
    engine: AsyncEngine, *, recognises_repeats: bool, state: str, outcomes: list[str]
) -> None:
    async def break_once(sending: Sending) -> Result:
        if sending.destination == "broken" and sending.attempt == 1:
            raise ZeroDivisionError
        return await accept(sending)

    (broken,) = await ask(engine, to="broken")
    (other,) = await ask(engine)
    async with running_sender(engine, break_once, recognises_repeats=recognises_repeats):
        assert (await ended(engine, other)).state == "sent"
        reply = await ended(engine, broken)
    assert (reply.state, [attempt.outcome for attempt in reply.attempts]) == (state, outcomes)


async def test_a_due_reply_is_sent_while_another_destination_is_busy(engine: AsyncEngine) -> None:
    async def hang_or_defer(sending: Sending) -> Result:
        if sending.destination == "busy":
            await asyncio.Event().wait()
        return Result(Ended.LATER) if sending.attempt == 1 else await accept(sending)

    await ask(engine, to="busy", count=3)
    async with running_sender(engine, hang_or_defer):
        (deferred,) = await ask(engine)
        assert (await ended(engine, deferred)).state == "sent"


async def test_an_attempt_that_is_under_way_ends_before_the_process_stops(engine: AsyncEngine) -> None:
    begun = asyncio.Event()

    async def slowly(sending: Sending) -> Result:
        begun.set()
        await asyncio.sleep(0)
        return await accept(sending)

    (reply_id,) = await ask(engine)
    async with running_sender(engine, slowly, recognises_repeats=False):
        await begun.wait()
    assert (await shown(engine, reply_id)).state == "sent"


async def test_the_end_of_an_attempt_is_recorded_once_the_database_allows_it(engine: AsyncEngine) -> None:
    (reply_id,) = await ask(engine)
    async with engine.begin() as tx:
        name = await tx.scalar(text("select current_database()"))
        await tx.execute(text(f"alter database {name} set statement_timeout = '200ms'"))
    impatient = create_engine(engine.url.render_as_string(hide_password=False))
    tries: set[object] = set()

    async def tried_twice() -> bool:
        rows = await connection.execute(
            text("select query_start from pg_stat_activity where query like '%with ended%' and state = 'active' "
                 "and wait_event_type = 'Lock'")
        )  # fmt: skip
        tries.update(row.query_start for row in rows)
        return len(tries) > 1

    async with engine.connect() as holder, engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")

        async def lock(sending: Sending) -> Result:
            await holder.execute(text("lock table reply_attempt"))
            return await accept(sending)

        async with running_sender(impatient, lock, recognises_repeats=False):
            await until(tried_twice, what="a second attempt to write")
            await holder.rollback()
            reply = await ended(engine, reply_id)
    await impatient.dispose()
    assert (reply.state, len(reply.attempts)) == ("sent", 1)


async def test_an_attempt_that_a_later_one_overtook_changes_nothing(engine: AsyncEngine) -> None:
    (reply_id,) = await ask(engine)
    async with engine.begin() as tx:
        first = await store.claim(tx, timedelta(0), [])
    async with engine.begin() as tx:
        second = await store.claim(tx, timedelta(minutes=1), [])
    assert first is not None
    assert second is not None
    assert (first.was_cut_off, second.was_cut_off) == (False, True)
    async with engine.begin() as tx:
        refused = Result(Ended.REFUSED, "no")
        await actions.end_attempt(tx, first, refused, judged(first, refused), source="test", now=utc_now())
    assert (await shown(engine, reply_id)).state == "waiting"
    assert await kinds(engine) == []


def judged(sending: Sending, result: Result) -> Verdict:
    return judge(
        result, attempts=sending.attempt, requested_at=sending.requested_at, now=utc_now(),
        schedule=Schedule(MOMENT, MOMENT, timedelta(days=1)), recognises_repeats=True,
    )  # fmt: skip


async def test_a_batch_of_requests_takes_two_statements_whatever_its_size(
    engine: AsyncEngine,
) -> None:
    async def statements(count: int) -> int:
        with counted(engine) as seen:
            await ask(engine, count=count, refused="no account of ours is there")
        return len(seen)

    assert await statements(500) == await statements(1) == 2
    assert await kinds(engine) == ["reply.failed.v1"] * 501
