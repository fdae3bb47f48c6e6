"""The reconciliation checks all cases that await an answer and all open work, a part at a time, and repairs what is wrong.

A part reads a number of cases by index, in one statement and without locks. Cases that look wrong are locked and read again.
What is still wrong is repaired, recorded and published: `work.reconciled`, a live change, and `GET /reconciliation`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import CompletedBecause, WorkReconciled
from antiphon.failures import with_savepoints
from antiphon.http.changes import Change
from antiphon.organisation.rule import PRIORITY
from antiphon.postgres.query import AnyRow, fetch
from antiphon.process import logs, metrics
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.queues.escalation import EscalationKind, order_and_steps
from routing.domain.queues.placement import Place
from routing.domain.reconciliation import CaseSnapshot, Finding, FindingKind, OpenWork, findings
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem, queued_again
from routing.unit_of_work import SYSTEM, Row, UnitOfWork
from routing.work import escalation

LOG = logs.get(__name__)
PART_SIZE = 500
_ROUND_LOCK = 0x7265636E  # "recn"
_BEFORE_ALL = UUID(int=0)

_LOCK = text(f"select pg_try_advisory_xact_lock({_ROUND_LOCK}) as mine")
_SNAPSHOT = f"""
    select c.case_id, case when s.revision > 0 then s.awaits end as awaits, s.dismissed, w.work_item_id, w.state, w.queue, w.agent_id, a.presence,
        o.offer_id, o.agent_id as offered_to, o.expires_at, t.subject is not null as has_offer_timer,
        case when w.state = 'queued' then w.handover ->> 'agent_id' end as handed_to, array(
            select k.clock_id from clock k where k.case_id = c.case_id and k.met_at is null and k.cancelled_at is null
            and k.paused_since is null and k.breached_at is null
            and not exists (select from timer u where u.kind = '{TimerKind.SLA_CLOCK}' and u.subject = k.clock_id)
        ) as clocks_without_timer
    from c left join case_record s on s.case_id = c.case_id
    left join work_item w on w.case_id = c.case_id and w.state <> 'completed'
    left join agent a on a.agent_id = w.agent_id
    left join offer o on o.work_item_id = w.work_item_id and o.result is null
    left join timer t on t.kind = '{TimerKind.OFFER_EXPIRY}' and t.subject = o.offer_id
"""
WALK = text(
    f"""
    with c as materialized (
        select case_id from (
            (select case_id from case_record where awaits and case_id > :after order by case_id limit :most)
            union
            (select case_id from work_item where state <> 'completed' and case_id > :after order by case_id limit :most)
        ) u order by case_id limit :most
    )
    {_SNAPSHOT} order by c.case_id
    """
).bindparams(bindparam("after", type_=PG_UUID(as_uuid=True)))
_AGAIN = text(f"with c as (select unnest(:ids) as case_id) {_SNAPSHOT} order by c.case_id").bindparams(
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
)


class Round(NamedTuple):
    """The progress of the current round: cases up to `after`, `checked` so far. And when the last round ran, over how many."""

    after: UUID
    began_at: datetime
    checked: int
    last_began_at: datetime | None = None
    last_ended_at: datetime | None = None
    last_checked: int | None = None


async def run_part(
    tx: AsyncConnection,
    configurations: Configurations,
    now: datetime,
    size: int = PART_SIZE,
    *,
    individually: bool = False,
) -> tuple[int, bool]:
    """Checks the next `size` cases of the round. Returns how many it checked, and whether the round has ended.

    `individually`: repairs each case in a savepoint, after all together failed. One that fails is logged and waits for the
    next round.
    """
    (row,) = await fetch(tx, _LOCK, {})
    if not row.mine:
        return 0, True  # another replica runs a part
    active = await configurations.active(tx, now)
    progress = await read_progress(tx) or Round(_BEFORE_ALL, now, 0)
    rows = await fetch(tx, WALK, {"after": progress.after, "most": size})
    cases = snapshots(rows)
    wrong = [case.case_id for case in cases if _findings(case, active)]
    if individually:
        # All locks are taken together and in order, as everywhere; then each case is repaired in its own savepoint.
        await store.cases.lock_cases(tx, wrong)
        await store.work_items.every_open_work(tx, wrong)
        for case_id, error in await with_savepoints(
            tx, wrong, lambda case_id: _repair(tx, [case_id], active, now)
        ):
            reason = f"{type(error).__name__}: {error}"
            LOG.error("case could not be reconciled", case=str(case_id), reason=reason)
            metrics.TASK_FAILURES.labels("reconciliation").inc()
    elif wrong:
        await _repair(tx, wrong, active, now)
    ended = len(cases) < size
    checked = progress.checked + len(cases)
    if ended:
        progress = Round(_BEFORE_ALL, now, 0, progress.began_at, now, checked)
    else:
        progress = progress._replace(after=cases[-1].case_id, checked=checked)
    await store.base.upsert(tx, store.reconciliation.RECONCILIATION, [{"id": 1, **progress._asdict()}])
    return len(cases), ended


def snapshots(rows: Sequence[AnyRow]) -> list[CaseSnapshot]:
    """Cases with their open work, from rows in the order of cases."""
    cases: list[CaseSnapshot] = []
    for row in rows:
        if not cases or cases[-1].case_id != row.case_id:
            cases.append(CaseSnapshot(row.case_id, row.awaits, row.dismissed, []))
        if row.work_item_id is not None:
            piece = OpenWork(
                row.work_item_id, row.state, row.queue, row.agent_id, row.presence, row.offer_id, row.offered_to, row.has_offer_timer,
                row.clocks_without_timer, row.handed_to,
            )  # fmt: skip
            cases[-1] = cases[-1]._replace(work=[*cases[-1].work, piece])
    return cases


def _findings(case: CaseSnapshot, active: ActiveVersion) -> list[Finding]:
    return findings(case, active.configuration.queues, active.configuration.agents_by_id)


async def _repair(
    tx: AsyncConnection, case_ids: Sequence[UUID], active: ActiveVersion, now: datetime
) -> None:
    """Locks cases and their work, reads them again, and repairs what is still wrong."""
    seen = await store.cases.lock_cases(tx, case_ids)
    open_work = {work.work_item_id: work for work in await store.work_items.every_open_work(tx, case_ids)}
    pending = {
        offer.offer_id: offer for offer in (await store.offers.pending_offers(tx, list(open_work))).values()
    }
    rows = await fetch(tx, _AGAIN, {"ids": list(case_ids)})
    wrong = [finding for case in snapshots(rows) for finding in _findings(case, active)]
    lost = [finding.case_id for finding in wrong if finding.kind is FindingKind.NO_WORK]
    last = await store.work_items.last_work(tx, lost)
    repairer = _Repairer(UnitOfWork(now), active, seen, open_work, pending)
    records: list[Row] = []
    for finding in wrong:
        work, repair = repairer.repair(finding, last.get(finding.case_id))
        records.append(
            {
                "finding_id": uuid4(), "kind": finding.kind.value, "case_id": finding.case_id,
                "work_item_id": work.work_item_id if work else None, "detail": finding.detail, "repair": repair, "at": now,
            }
        )  # fmt: skip
        if work is not None and repair is not None:
            event = WorkReconciled(
                work=work.facts(), finding=finding.kind.value, detail=finding.detail, repair=repair
            )
            repairer.unit.publish(event)
        change = {"finding": finding.kind.value, "detail": finding.detail, "repair": repair}
        repairer.unit.change_log.append(
            Change("finding", str(finding.case_id), ["operations", "supervisors"], change)
        )
        LOG.warning(
            "reconciliation found wrong work",
            finding=finding.kind.value,
            case=str(finding.case_id),
            repair=repair,
        )
    await repairer.unit.write(tx)
    await store.base.upsert(tx, store.cases.CASE_RECORD, [seen.row() for seen in repairer.restored])
    if records:
        await tx.execute(insert(store.reconciliation.FINDING), records)


class _Repairer:
    """Repairs findings in one unit of work. `restored`: cases to write again, which routing had lost."""

    def __init__(
        self, unit: UnitOfWork, active: ActiveVersion, seen: Mapping[UUID, CaseRecord], open_work: Mapping[UUID, WorkItem],
        pending: dict[UUID, OfferRecord],
    ) -> None:  # fmt: skip
        self.unit = unit
        self.restored: list[CaseRecord] = []
        self._active = active
        self._seen = seen
        self._open = open_work
        self._pending = pending

    def repair(self, finding: Finding, last: WorkItem | None) -> tuple[WorkItem | None, str | None]:
        """Repairs a finding. Returns the work item as it is now, if there is one, and what was done; None: nothing could be."""
        if finding.work is None:
            return self._queue_again(finding.case_id, last)
        work = self.unit.current(self._open[finding.work.work_item_id])
        if finding.kind is FindingKind.HAND_OVER_GONE:
            note = work.handover and work.handover.to_queue()
            if work.deferred_move is not None:
                self.unit.timers.append((TimerKind.REVIEW, store.timers.NO_SUBJECT, self.unit.now))
            return self.unit.put(work, hold_until=None, preferred=None, handover=note), "for anybody"
        repair = self._repair_work(finding, finding.work, work)
        return self.unit.current(work), repair

    def _repair_work(self, finding: Finding, piece: OpenWork, work: WorkItem) -> str:
        if finding.kind is FindingKind.CASE_UNKNOWN:
            # Not 0: `intake` reads no work of a case whose revision is 0.
            restored = self._seen[work.case_id].replace(
                revision=1, awaits=True, reference=work.case_reference, customer_id=work.customer_id
            )
            self.restored.append(restored)
            return "the case is known from its work"
        if finding.kind is FindingKind.QUEUE_UNKNOWN:
            queue = self._active.configuration.fallback
            escalation.move(
                self.unit, work, self._active, Place(queue, [finding.detail]), EscalationKind.MOVED
            )
            return f"moved to {queue}"
        if finding.kind in {FindingKind.OFFER_TIMER_MISSING, FindingKind.CLOCK_TIMER_MISSING}:
            self._set_timers(finding.kind, piece)
            return "its timer is set"
        if piece.offer_id is not None and piece.offer_id in self._pending:
            self.unit.end_offer(self._pending.pop(piece.offer_id), OfferResult.WITHDRAWN, finding.detail)
        if finding.kind in {FindingKind.SECOND_WORK, FindingKind.NOT_ASKED}:
            self.unit.complete(work, SYSTEM, finding.detail, CompletedBecause.REPAIRED)
            return "completed"
        if finding.kind in {FindingKind.AGENT_GONE, FindingKind.OFFER_MISSING}:
            self.unit.requeue(work, finding.detail)
            return "back to its place"
        return "the offer is withdrawn"

    def _set_timers(self, kind: FindingKind, piece: OpenWork) -> None:
        if kind is FindingKind.OFFER_TIMER_MISSING and piece.offer_id is not None:
            timer = TimerKind.OFFER_EXPIRY, piece.offer_id, self._pending[piece.offer_id].expires_at
            self.unit.timers.append(timer)
        elif kind is FindingKind.CLOCK_TIMER_MISSING:
            # Each fires at once, which sets its timer to what is due next.
            self.unit.timers += [
                (TimerKind.SLA_CLOCK, clock_id, self.unit.now) for clock_id in piece.clocks_without_timer
            ]

    def _queue_again(self, case_id: UUID, last: WorkItem | None) -> tuple[WorkItem | None, str | None]:
        """Queues the last work item of a case again; where there is none, a new one from what the case says."""
        configuration, calendars, now = self._active.configuration, self._active.calendars, self.unit.now
        seen = self._seen[case_id]
        if last is not None:
            queue = last.queue if last.queue in configuration.queues else configuration.fallback
            work = queued_again(
                last, uuid4(), queue, configuration.profiles_of(last.channel, queue, last.priority),
                order_and_steps(configuration, calendars, queue, last.queued_at), now,
            )  # fmt: skip
        elif seen.reference is not None and seen.customer_id is not None:
            queue = configuration.fallback
            work = WorkItem(
                work_item_id=uuid4(), case_id=case_id, case_reference=seen.reference, customer_id=seen.customer_id,
                channel="", subject=None, queue=queue, priority=PRIORITY, skills={}, prefer_skills={}, labels=[],
                queued_at=now, decision_id=None, changed_at=now, units=1,
                profiles=configuration.profiles_of("", queue, PRIORITY), overflow=None,
                # Its events must count as newer than those of the work that was lost, whatever revision that had.
                revision=int(now.timestamp()),
                **order_and_steps(configuration, calendars, queue, now),
            )  # fmt: skip
        else:
            return None, None
        self.unit.add(work)
        return work, f"queued anew in {work.queue}"


async def read_progress(tx: AsyncConnection) -> Round | None:
    """The progress of the current round, and when the last one ended; None before the first."""
    row = (await tx.execute(select(store.reconciliation.RECONCILIATION))).one_or_none()
    return Round(*(getattr(row, name) for name in Round._fields)) if row else None
