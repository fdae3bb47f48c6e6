"""Trials: a draft decides again about recorded cases, and the trial keeps what it would have decided otherwise.

A trial is a row that any replica takes. The replica reads pages of decisions by key, passes them as JSON to an evaluator
process, and writes what it answers. So memory does not grow with the trial, and routing goes on meanwhile. When a replica
dies, another begins its trial again.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.agents import Presence
from antiphon.http.changes import Change, record
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import insert_rows
from antiphon.process import logs
from antiphon.process.clock import Clock
from routing import store
from routing.configuration.evaluator import LENGTH, framed
from routing.domain.states import TrialState

LOG = logs.get(__name__)
PAGE = 500
MOST = 100_000
_ATTEMPTS = 3
_ABANDONED_AFTER = "30 seconds"

_TAKE = text(
    f"""
    update trial set state = '{TrialState.RUNNING}', attempts = attempts + 1, done = 0, touched_at = clock_timestamp()
    where trial_id = (
        select trial_id from trial
        where state = '{TrialState.ASKED}' or (state = '{TrialState.RUNNING}' and touched_at < clock_timestamp() - interval '{_ABANDONED_AFTER}')
        order by asked_at limit 1 for update skip locked
    )
    returning *
    """
)
_IS_OLD = "ended_at < clock_timestamp() - cast(:kept_for as interval)"
_DELETE_OLD_ITEMS = text(
    f"delete from trial_item where trial_id in (select trial_id from trial where {_IS_OLD})"
)
_DELETE_OLD = text(
    f"delete from trial where {_IS_OLD} and trial_id not in (select trial_id from configuration where trial_id is not null)"
)
_IS_MINE = f"trial_id = :trial_id and attempts = :attempts and state = '{TrialState.RUNNING}'"
_TOUCH = text(
    f"update trial set done = :done, touched_at = clock_timestamp() where {_IS_MINE} returning trial_id"
)
_TOTAL = text(
    """
    select count(*) from (
        select 1 from decision
        where at < :until and (cast(:since as timestamptz) is null or at >= :since) and outcome is not null
        limit :last
    ) d
    """
)
# The page as one JSON text with the evaluator's field names, and the key of its last row.
RECORDED = text(
    """
    with page as materialized (
        select decision_id, case_id, work_item_id, at, rule, outcome, context, before, has_words from decision
        where (at, decision_id) < (:at, :id) and (cast(:since as timestamptz) is null or at >= :since)
            and outcome is not null
        order by at desc, decision_id desc limit :limit
    )
    select count(*) as n, min(p.at) as at, (array_agg(p.decision_id order by p.at, p.decision_id))[1] as id,
        cast(coalesce(json_agg(json_build_object(
            'decision_id', p.decision_id, 'at', p.at, 'rule', p.rule, 'outcome', p.outcome, 'context', p.context,
            'before', p.before, 'has_words', p.has_words,
            'started', extract(epoch from c.started_at), 'due', extract(epoch from c.due_at),
            'met', extract(epoch from c.met_at), 'cancelled', extract(epoch from c.cancelled_at)
        ) order by p.at desc, p.decision_id desc), '[]') as text) as rows
    from page p
    left join lateral (
        select started_at, due_at, met_at, cancelled_at from clock
        where p.before is null and case_id = p.case_id and work_item_id = p.work_item_id and target = 'first-response'
        order by started_at limit 1
    ) c on true
    """
)


class _TrialLostError(Exception):
    """Another replica has taken the trial, or it was stopped."""


async def ask(
    tx: AsyncConnection,
    draft: AnyRow,
    last: int,
    since: datetime | None,
    until: datetime | None,
    by: str,
    now: datetime,
) -> AnyRow:
    """Creates a trial of a draft over the newest `last` decisions between two times. A replica begins it within a second."""
    row: dict[str, object] = {
        "trial_id": uuid4(),
        "draft_id": draft.draft_id,
        "draft_revision": draft.revision,
        "source": draft.source,
        "against_version": await store.configurations.version(tx),
        "state": TrialState.ASKED,
        "last": last,
        "since": since,
        "until": until or now,
        "asked_at": now,
        "asked_by": by,
    }
    return (await tx.execute(insert(store.trials.TRIAL).values(row).returning(store.trials.TRIAL))).one()


async def get(tx: AsyncConnection, trial_id: UUID) -> AnyRow:
    """A trial. Raises Problem 404."""
    row = await store.trials.get(tx, trial_id)
    if row is None:
        raise not_found("trial")
    return row


async def stop(tx: AsyncConnection, trial_id: UUID, now: datetime) -> AnyRow:
    """Ends a trial early; what it has found stays listed. Raises Problem: 404, 409 when it has ended already."""
    table = store.trials.TRIAL
    stopped = await tx.execute(
        update(table)
        .where(table.c.trial_id == trial_id, table.c.state.in_([TrialState.ASKED, TrialState.RUNNING]))
        .values(state=TrialState.STOPPED, ended_at=now)
        .returning(table)
    )
    row = stopped.one_or_none()
    if row is None:
        state = (await get(tx, trial_id)).state
        raise Problem(Kind.TRIAL_ENDED, f"The trial has ended: {state}.", state=state)
    return row


async def run_next(engine: AsyncEngine, clock: Clock) -> bool:
    """Takes a trial that waits, or one whose replica died, and runs it to its end. Returns False when there is none."""
    async with engine.begin() as tx:
        trial = (await tx.execute(_TAKE)).one_or_none()
        if trial is None:
            return False
        await tx.execute(text("delete from trial_item where trial_id = :id"), {"id": trial.trial_id})
        total = await tx.scalar(_TOTAL, {"until": trial.until, "since": trial.since, "last": trial.last})
        await tx.execute(
            update(store.trials.TRIAL)
            .where(store.trials.TRIAL.c.trial_id == trial.trial_id)
            .values(total=total)
        )
    if trial.attempts > _ATTEMPTS:
        await _end(
            engine, trial, TrialState.FAILED, clock(), failure="its evaluator process died in each attempt"
        )
        return True
    with contextlib.suppress(_TrialLostError):
        try:
            findings = await _run(engine, trial, clock)
        except asyncio.IncompleteReadError:
            LOG.warning("evaluator process died", trial=str(trial.trial_id), attempt=trial.attempts)
            await _end(engine, trial, TrialState.ASKED, clock())
        else:
            await _end(engine, trial, TrialState.DONE, clock(), result=findings.result, total=findings.total)
    return True


async def forget(tx: AsyncConnection, kept_for: timedelta) -> int:
    """Deletes trials that ended longer than `kept_for` ago; of those that a version cites only their items. Returns how many."""
    values = {"kept_for": kept_for}
    await tx.execute(_DELETE_OLD_ITEMS, values)
    return (await tx.execute(_DELETE_OLD, values)).rowcount


class _Findings(NamedTuple):
    """The result of a trial as the evaluator wrote it, and the number of decisions."""

    result: object
    total: int


async def _run(engine: AsyncEngine, trial: AnyRow, clock: Clock) -> _Findings:
    async with engine.connect() as connection:
        agents = await store.agents.agents(connection)
    on_shift = [agent for agent, row in agents.items() if row.presence != Presence.OFFLINE]
    async with _evaluator() as process:
        request = {"source": trial.source, "on_shift": on_shift, "now": clock()}
        rules = from_json(await _answer(process, to_json(request)))["rules"]
        async with engine.begin() as tx:
            await _touch(tx, trial, 0)
            await tx.execute(
                update(store.trials.TRIAL)
                .where(store.trials.TRIAL.c.trial_id == trial.trial_id)
                .values(rules=rules)
            )
        done, at, last = 0, trial.until, UUID(int=0)
        while done < trial.last:
            async with engine.connect() as connection:
                values = {"at": at, "id": last, "since": trial.since, "limit": min(PAGE, trial.last - done)}
                page = (await connection.execute(RECORDED, values)).one()
            if not page.n:
                break
            changed = from_json(await _answer(process, page.rows.encode()))
            done, at, last = done + page.n, page.at, page.id
            async with engine.begin() as tx:
                await _touch(tx, trial, done)
                await insert_rows(
                    tx, store.trials.TRIAL_ITEM, [{"trial_id": trial.trial_id, **item} for item in changed]
                )
        result = from_json(await _answer(process, b""))
    return _Findings(result, done)


async def _touch(tx: AsyncConnection, trial: AnyRow, done: int) -> None:
    values = {"trial_id": trial.trial_id, "attempts": trial.attempts, "done": done}
    if (await tx.execute(_TOUCH, values)).one_or_none() is None:
        raise _TrialLostError


async def _end(
    engine: AsyncEngine, trial: AnyRow, state: TrialState, now: datetime, **values: object
) -> None:
    table = store.trials.TRIAL
    async with engine.begin() as tx:
        ended = None if state == TrialState.ASKED else now
        await tx.execute(
            update(table)
            .where(table.c.trial_id == trial.trial_id, table.c.attempts == trial.attempts)
            .where(table.c.state == TrialState.RUNNING)
            .values(state=state, ended_at=ended, **values)
        )
        detail = {"draft_id": str(trial.draft_id), "state": state}
        await record(tx, [Change("trial", str(trial.trial_id), ["operations"], detail)])


@contextlib.asynccontextmanager
async def _evaluator() -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "routing.configuration.evaluator", stdin=PIPE, stdout=PIPE
    )
    try:
        yield process  # it exits after its last answer
    except asyncio.IncompleteReadError:
        raise  # it has exited
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    finally:
        await process.communicate()


async def _answer(process: Process, content: bytes) -> bytes:
    """Sends a frame; returns the answer of the evaluator. Raises IncompleteReadError when it died."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the evaluator has no pipes")
    process.stdin.write(framed(content))
    with contextlib.suppress(ConnectionError):
        await process.stdin.drain()
    length = await process.stdout.readexactly(LENGTH)
    return await process.stdout.readexactly(int.from_bytes(length))
