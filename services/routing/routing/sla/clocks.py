"""SLA clocks: the case events that start, pause and end them, and the timers of their warnings and breaches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.cases import (
    CaseEvent,
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseStatus,
    CaseStatusChanged,
    StatusTrigger,
)
from antiphon.contracts.replies import ReplySent
from antiphon.contracts.work import SlaTarget
from antiphon.postgres.query import fetch
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.case_record import Answer, CaseRecord
from routing.domain.decisions.verdict import Verdict
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.sla.ledger import ClockLedger
from routing.unit_of_work import AGAIN_AFTER, UnitOfWork

WORDS_DELETED = "the customer deleted what awaited an answer"
"""Why work is completed and clocks are cancelled, as text for people."""


class CaseChange(NamedTuple):
    """An event of a case: when it happened, the case record before it, the newest work, and the verdict if it made one.

    `first`: the case had no work before.
    """

    event: CaseEvent
    at: datetime
    seen: CaseRecord
    work: WorkItem | None
    verdict: Verdict | None
    first: bool

    @property
    def reason(self) -> str | None:
        """Why the status changed, as text for people; None when the event is no change of status."""
        return self.event.reason if isinstance(self.event, CaseStatusChanged) else None

    @property
    def words_deleted(self) -> bool:
        """Whether the customer deleted all the words that awaited an answer."""
        is_deletion = (
            isinstance(self.event, CaseInteractionDeleted) or self.trigger == StatusTrigger.WORDS_DELETED
        )
        ended = self.seen.awaiting_since is not None and self.event.case.awaiting_answer_since is None
        return is_deletion and ended

    @property
    def trigger(self) -> str | None:
        """What changed the status; None when the event is no change of status."""
        return self.event.trigger if isinstance(self.event, CaseStatusChanged) else None


def apply_case_change(ledger: ClockLedger, change: CaseChange) -> None:
    """Starts, pauses, resumes and ends the clocks of a case by an event of it."""
    if change.work is None:
        return  # the case never had work
    if change.words_deleted:
        _cancel_response(ledger, change, change.work)
    if change.verdict is not None:
        for record in ledger.running(change.work.case_id):
            ledger.recompute(record, change.work, change.verdict.sla_policy, f"rule {change.verdict.rule!r}")
    match change.event.case.status:
        case CaseStatus.RESOLVED | CaseStatus.CLOSED:
            _end(ledger, change, change.work)
        case CaseStatus.PENDING:
            _begin(ledger, change, change.work)
            _pause(ledger, change, change.work)
        case _:
            _resume(ledger, change, change.work)
            _begin(ledger, change, change.work)


def apply_answer(
    ledger: ClockLedger, event: ReplySent, seen: CaseRecord, work: WorkItem | None
) -> CaseRecord:
    """Meets the response clocks that waited when a person's answer was written; returns the case record after it.

    Answers and cases are on different topics, so the case event of such a clock may come later. The case record keeps the
    answer until then.
    """
    if work is not None:
        for record in ledger.running(work.case_id):
            written = event.case_revision
            if record.is_response and (written is None or record.case_revision < written):
                ledger.meet(record, event.sent_at, f"{event.author.name or event.author.id} answered")
    if work is None or (event.case_revision or 0) > seen.revision:
        seen = seen.replace(answers=(*seen.answers, Answer(event.case_revision, event.sent_at)))
    return seen


def _begin(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    """Starts a response clock when the customer begins to wait, and a resolution clock when none runs."""
    case = change.event.case
    since = case.awaiting_answer_since
    if since is None:
        return
    running = ledger.running(work.case_id)
    policy = (
        change.verdict.sla_policy if change.verdict else running[0].clock.terms.policy if running else None
    )
    if policy is None:
        return
    waited_before = change.seen.awaiting_since is not None or any(
        record.is_response and record.started_at == since for record in running
    )
    if change.first or not waited_before:
        target = SlaTarget.FIRST_RESPONSE if change.first else SlaTarget.NEXT_RESPONSE
        ledger.start(work, target, policy, since, case.revision, "the customer awaits an answer")
    if not any(record.target == SlaTarget.RESOLUTION for record in running):
        ledger.start(work, SlaTarget.RESOLUTION, policy, since, case.revision, "the case is open")
    _answered_before(ledger, change, work)


def _answered_before(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    for record in ledger.running(work.case_id):
        answered = [
            at
            for written, at in change.seen.answers
            if (record.started_at <= at if written is None else record.case_revision < written)
        ]
        if record.is_response and answered:
            ledger.meet(record, min(answered), "an answer whose event came before that of the case")


def _pause(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    for record in ledger.running(work.case_id):
        # A requested answer meets the target only when it has been sent; until then the clock runs.
        if record.is_response and change.event.case.awaiting_answer_since is None:
            continue
        ledger.pause(record, change.at, f"the customer is awaited{_because(change)}")


def _resume(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    spoke = isinstance(change.event, CaseInteractionAdded)
    at = change.event.interaction.accepted_at if isinstance(change.event, CaseInteractionAdded) else change.at
    for record in ledger.running(work.case_id):
        since = record.clock.paused_since
        if since is None:
            continue
        if change.trigger == StatusTrigger.REPLY_FAILED:
            # The answer never reached the customer, so the pause is undone.
            ledger.resume(record, since, change.reason or "an answer could not be sent")
        else:
            ledger.resume(
                record, at, "the customer spoke" if spoke else f"the case is open{_because(change)}"
            )


def _end(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    case = change.event.case
    for record in ledger.running(work.case_id):
        if not record.is_response:
            if case.status == CaseStatus.RESOLVED:
                ledger.meet(record, change.at, f"the case is resolved{_because(change)}")
            else:
                ledger.cancel(record, change.at, f"the case is closed{_because(change)}")
        elif case.awaiting_answer_since is None and change.trigger != StatusTrigger.REPLY_REQUESTED:
            # A requested answer ends the clock itself when it has been sent.
            ledger.cancel(record, change.at, f"the case is {case.status}{_because(change)}")


def _cancel_response(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    """Cancels the clock of the response that the deleted words awaited. Clocks of earlier words wait for answers under way."""
    waiting = [record for record in ledger.running(work.case_id) if record.is_response]
    if waiting:
        newest = max(waiting, key=lambda record: (record.case_revision, record.started_at))
        ledger.cancel(newest, change.at, WORDS_DELETED)


def _because(change: CaseChange) -> str:
    if change.words_deleted:
        return f": {WORDS_DELETED}"
    return f": {change.reason}" if change.reason else ""


async def fire(
    tx: AsyncConnection, due: Mapping[UUID, datetime], configurations: Configurations, now: datetime
) -> None:
    """Fires the clocks whose timers were due: each warning and each breach once, however late.

    When another transaction holds the case of a clock, its timer is set again, because waiting could be a deadlock.
    """
    unit, active = UnitOfWork(now), await configurations.active(tx, now)
    rows = await fetch(tx, _DUE, {"ids": list(due)})
    works = await store.work_items.free_work(tx, sorted({row.case_id for row in rows}))
    free = [row for row in rows if row.case_id in works]
    again = now + AGAIN_AFTER
    unit.timers += [(TimerKind.SLA_CLOCK, row.clock_id, again) for row in rows if row.case_id not in works]
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(works)))
    for case_id in dict.fromkeys(row.case_id for row in free):
        work = works[case_id]
        ledger.apply_active_version(work)
        for record in ledger.running(case_id):
            if (at := due.get(record.clock_id)) is not None:
                # The timer was due by the database's clock, and this process's clock may be behind it.
                ledger.fire(record, max(at, now))
                record.touched = True
        ledger.publish(work)
    ledger.close()
    await unit.write(tx)


_DUE = text(
    "select clock_id, case_id from clock where clock_id = any(:ids) and met_at is null and cancelled_at is null"
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))


async def recompute_changed_policies(
    tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 200
) -> int:
    """Recomputes clocks whose policy or calendar a new version changed, at most `limit`; returns how many."""
    changed = await fetch(tx, _CHANGED, {})
    if not changed:
        return 0
    (policy,) = changed
    rows = await fetch(tx, _OF_POLICY, {"policy": policy.policy, "after": policy.after, "limit": limit})
    unit, active = UnitOfWork(now), await configurations.active(tx, now)
    works = await store.work_items.free_work(tx, sorted({row.case_id for row in rows}))
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(works)))
    for work in works.values():
        ledger.apply_active_version(work)
        ledger.publish(work)
    ledger.close()
    await unit.write(tx)
    # From the first clock whose case another transaction holds, the next call continues.
    done = list(takewhile(lambda row: row.case_id in works, rows))
    if len(done) == len(rows) < limit:
        await fetch(tx, _ALL_DONE, {"policy": policy.policy})
    elif done:
        await fetch(tx, _DONE, {"policy": policy.policy, "after": done[-1].clock_id})
    return len(done)


_CHANGED = text("select policy, after from policy_change order by policy limit 1 for update skip locked")
_OF_POLICY = text(
    "select clock_id, case_id from clock where policy = :policy and clock_id > :after "
    "and met_at is null and cancelled_at is null and policy <> '' order by clock_id limit :limit"
)
_DONE = text("update policy_change set after = :after where policy = :policy")
_ALL_DONE = text("delete from policy_change where policy = :policy")


async def recompute_clocks(
    tx: AsyncConnection, unit: UnitOfWork, active: ActiveVersion, works: Sequence[WorkItem], cause: str, *,
    policies: Mapping[UUID, str] | None = None,
) -> None:  # fmt: skip
    """Recomputes the clocks of open work whose priority, queue or policy changed, and sets the due times of the work.

    `works` are locked and have their changes already; the unit of work has them with their due times. `policies` are new
    policies by work item. Called before the unit of work is written.
    """
    by_case = {work.case_id: work for work in works}
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(by_case)))
    for case_id, work in by_case.items():
        for record in ledger.running(case_id):
            policy = (policies or {}).get(work.work_item_id) or record.clock.terms.policy
            ledger.recompute(record, work, ledger.policy(policy, work), cause)
        ledger.publish(work)
    ledger.close()
