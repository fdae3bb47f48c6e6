"""Service clocks: what of a case starts, stops and moves them, and what happens when one warns or runs out."""

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


class CaseChange(NamedTuple):
    """News of a case: when it happened, what was seen of the case before, its newest work, and the verdict if that is new.

    `first`: the case never had work before.
    """

    event: CaseEvent
    at: datetime
    seen: CaseRecord
    work: WorkItem | None
    verdict: Verdict | None
    first: bool

    @property
    def reason(self) -> str | None:
        """Why the status changed, in words for people, if that is what was change."""
        return self.event.reason if isinstance(self.event, CaseStatusChanged) else None

    @property
    def trigger(self) -> str | None:
        """What changed the status, if that is what was change."""
        return self.event.trigger if isinstance(self.event, CaseStatusChanged) else None


def apply_case_change(ledger: ClockLedger, change: CaseChange) -> None:
    """Starts, pauses, resumes and ends the clocks of a case by what was heard of it."""
    if change.work is None:
        return  # nobody's work, and it never was
    if change.verdict is not None:
        for held in ledger.running(change.work.case_id):
            ledger.recompute(held, change.work, change.verdict.sla_policy, f"rule {change.verdict.rule!r}")
    match change.event.case.status:
        case CaseStatus.RESOLVED | CaseStatus.CLOSED:
            _settle(ledger, change, change.work)
        case CaseStatus.PENDING:
            _begin(ledger, change, change.work)
            _pause(ledger, change, change.work)
        case _:
            _resume(ledger, change, change.work)
            _begin(ledger, change, change.work)


def apply_answer(
    ledger: ClockLedger, event: ReplySent, seen: CaseRecord, work: WorkItem | None
) -> CaseRecord:
    """A person's answer went out: it meets what waited when it was written, also when that is heard of only later.

    What is known of the case since.
    Answers and cases are on different topics, so either may come first.
    """
    if work is not None:
        for held in ledger.running(work.case_id):
            written = event.case_revision
            if held.is_response and (written is None or held.case_revision < written):
                ledger.meet(held, event.sent_at, f"{event.author.name or event.author.id} answered")
    if work is None or (event.case_revision or 0) > seen.revision:
        seen = seen.replace(answers=(*seen.answers, Answer(event.case_revision, event.sent_at)))
    return seen


def _begin(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    """A customer who begins to wait starts a response clock; a case that is not being resolved yet, that of its resolution."""
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
    waits = change.seen.awaiting_since is not None or any(
        held.is_response and held.started_at == since for held in running
    )
    if change.first or not waits:
        target = SlaTarget.FIRST_RESPONSE if change.first else SlaTarget.NEXT_RESPONSE
        ledger.start(work, target, policy, since, case.revision, "the customer awaits an answer")
    if not any(held.target == SlaTarget.RESOLUTION for held in running):
        ledger.start(work, SlaTarget.RESOLUTION, policy, since, case.revision, "the case is open")
    _answered_before(ledger, change, work)


def _answered_before(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    for held in ledger.running(work.case_id):
        later = [
            at
            for written, at in change.seen.answers
            if (held.started_at <= at if written is None else held.case_revision < written)
        ]
        if held.is_response and later:
            ledger.meet(held, min(later), "an answer that was heard of before the case")


def _pause(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    for held in ledger.running(work.case_id):
        # An answer that is on its way has not reached the customer: only when it has, it meets the target.
        if held.is_response and change.event.case.awaiting_answer_since is None:
            continue
        ledger.pause(held, change.at, f"the customer is awaited{_told(change)}")


def _resume(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    spoke = isinstance(change.event, CaseInteractionAdded)
    at = change.event.interaction.accepted_at if isinstance(change.event, CaseInteractionAdded) else change.at
    for held in ledger.running(work.case_id):
        since = held.clock.paused_since
        if since is None:
            continue
        if change.trigger == StatusTrigger.REPLY_FAILED:
            # Nobody awaited the customer: the answer never reached them.
            ledger.resume(held, since, change.reason or "an answer could not be sent")
        else:
            ledger.resume(held, at, "the customer spoke" if spoke else f"the case is open{_told(change)}")


def _settle(ledger: ClockLedger, change: CaseChange, work: WorkItem) -> None:
    case = change.event.case
    for held in ledger.running(work.case_id):
        if not held.is_response:
            if case.status == CaseStatus.RESOLVED:
                ledger.meet(held, change.at, f"the case is resolved{_told(change)}")
            else:
                ledger.cancel(held, change.at, f"the case is closed{_told(change)}")
        elif case.awaiting_answer_since is None and change.trigger != StatusTrigger.REPLY_REQUESTED:
            # Unless an answer is on its way: that stops the clock.
            ledger.cancel(held, change.at, f"the case is {case.status}{_told(change)}")


def _told(change: CaseChange) -> str:
    return f": {change.reason}" if change.reason else ""


async def fire(
    tx: AsyncConnection, due: Mapping[UUID, datetime], configurations: Configurations, now: datetime
) -> None:
    """Clocks whose timers were due: what they warn of, or that they ran out. Each once, however late.

    One whose case is in somebody's hands this moment comes again: to wait for it could be to wait for each other.
    """
    unit, active = UnitOfWork(now), await configurations.active(tx)
    rows = await fetch(tx, _DUE, {"ids": list(due)})
    works = await store.work_items.free_work(tx, sorted({row.case_id for row in rows}))
    free = [row for row in rows if row.case_id in works]
    again = now + AGAIN_AFTER
    unit.timers += [(TimerKind.SLA_CLOCK, row.clock_id, again) for row in rows if row.case_id not in works]
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(works)))
    for case_id in dict.fromkeys(row.case_id for row in free):
        work = works[case_id]
        ledger.apply_active_version(work)
        for held in ledger.running(case_id):
            if (at := due.get(held.clock_id)) is not None:
                # The timer was due by the database's clock: ours may be behind it.
                ledger.fire(held, max(at, now))
                held.touched = True
        ledger.publish(work)
    ledger.close()
    await unit.write(tx)


_DUE = text(
    "select clock_id, case_id from clock where clock_id = any(:ids) and met_at is null and cancelled_at is null"
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))


async def recompute_changed_policies(
    tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 200
) -> int:
    """Brings some of the clocks whose policy or calendar a new configuration changed to what it promises; how many."""
    changed = await fetch(tx, _CHANGED, {})
    if not changed:
        return 0
    (policy,) = changed
    rows = await fetch(tx, _OF_POLICY, {"policy": policy.policy, "after": policy.after, "limit": limit})
    unit, active = UnitOfWork(now), await configurations.active(tx)
    works = await store.work_items.free_work(tx, sorted({row.case_id for row in rows}))
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(works)))
    for work in works.values():
        ledger.apply_active_version(work)
        ledger.publish(work)
    ledger.close()
    await unit.write(tx)
    # Those from the first that is in other hands on come again.
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
    """Recomputes the clocks of open work whose priority, queue or policy changed, and puts the new due times on the work.

    The work is locked, and is given as it stands after the change; how it stands then, the unit of work says. `policies` are new
    ones, by work item. Called before the unit of work is written.
    """
    by_case = {work.case_id: work for work in works}
    ledger = ClockLedger(unit, active, await store.clocks.running_clocks(tx, list(by_case)))
    for case_id, work in by_case.items():
        for held in ledger.running(case_id):
            given = (policies or {}).get(work.work_item_id) or held.clock.terms.policy
            ledger.recompute(held, work, ledger.policy(given, work), cause)
        ledger.publish(work)
    ledger.close()
