"""The reconciliation: goes round all cases that await an answer and all open work, a part at a time, and mends what is wrong.

A round reads so many cases by index, in one statement and without locks. Only what looks wrong is locked, looked at again
and, if it still is, repair, noted, and told: `work.reconciled`, a change for operations, and `GET /reconciliation`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkReconciled
from antiphon.failures import with_savepoints
from antiphon.http.changes import Change
from antiphon.postgres.query import AnyRow, fetch
from antiphon.process import logs, metrics
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.configuration.rule import PRIORITY
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.queues.escalation import EscalationKind, order_and_steps
from routing.domain.queues.placement import Place
from routing.domain.reconciliation import CaseSnapshot, Finding, FindingKind, OpenWork, findings
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem, queued_again
from routing.unit_of_work import SYSTEM, Row, UnitOfWork
from routing.work import escalation

LOG = logs.get(__name__)
MOST = 500
_ONE_ROUND = 0x7265636E  # "recn"
_BEFORE_ALL = UUID(int=0)

_LOCK = text(f"select pg_try_advisory_xact_lock({_ONE_ROUND}) as mine")
_SHOWN = f"""
    select c.case_id, case when s.revision > 0 then s.awaits end as awaits, s.dismissed, w.work_item_id, w.state, w.queue, w.agent_id, a.presence,
        o.offer_id, o.agent_id as offered_to, o.expires_at, t.subject is not null as has_offer_timer, array(
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
    {_SHOWN} order by c.case_id
    """
).bindparams(bindparam("after", type_=PG_UUID(as_uuid=True)))
_AGAIN = text(f"with c as (select unnest(:ids) as case_id) {_SHOWN} order by c.case_id").bindparams(
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
)


class Round(NamedTuple):
    """How far the way round has come: cases up to `after`, so many `checked` since it began; and the last one."""

    after: UUID
    began_at: datetime
    checked: int
    last_began_at: datetime | None = None
    last_ended_at: datetime | None = None
    last_checked: int | None = None


async def round_of(
    tx: AsyncConnection,
    configurations: Configurations,
    now: datetime,
    most: int = MOST,
    *,
    apart: bool = False,
) -> tuple[int, bool]:
    """One part of the way round: how many cases it looked at, and whether the way is at its end.

    `apart`: each case on its own, because all together failed. One that fails is told, and left until the next round.
    """
    (row,) = await fetch(tx, _LOCK, {})
    if not row.mine:
        return 0, True  # another replica is at it
    active = await configurations.active(tx)
    place = await stands(tx) or Round(_BEFORE_ALL, now, 0)
    rows = await fetch(tx, WALK, {"after": place.after, "most": most})
    cases = pictures(rows)
    wrong = [case.case_id for case in cases if _wrong(case, active)]
    if apart:
        # Locked all together and in order, as everybody does it; then each is repair on its own.
        await store.cases.lock_cases(tx, wrong)
        await store.work_items.every_open_work(tx, wrong)
        for case_id, error in await with_savepoints(tx, wrong, lambda one: _repair(tx, [one], active, now)):
            reason = f"{type(error).__name__}: {error}"
            LOG.error("case could not be reconciled", case=str(case_id), reason=reason)
            metrics.TASK_FAILURES.labels("reconciliation").inc()
    elif wrong:
        await _repair(tx, wrong, active, now)
    ended = len(cases) < most
    checked = place.checked + len(cases)
    if ended:
        place = Round(_BEFORE_ALL, now, 0, place.began_at, now, checked)
    else:
        place = place._replace(after=cases[-1].case_id, checked=checked)
    await store.base.upsert(tx, store.reconciliation.RECONCILIATION, [{"id": 1, **place._asdict()}])
    return len(cases), ended


def pictures(rows: Sequence[AnyRow]) -> list[CaseSnapshot]:
    """Cases with their open work, from rows in the order of cases."""
    found: list[CaseSnapshot] = []
    for row in rows:
        if not found or found[-1].case_id != row.case_id:
            found.append(CaseSnapshot(row.case_id, row.awaits, row.dismissed, []))
        if row.work_item_id is not None:
            piece = OpenWork(
                row.work_item_id, row.state, row.queue, row.agent_id, row.presence, row.offer_id, row.offered_to, row.has_offer_timer,
                row.clocks_without_timer,
            )  # fmt: skip
            found[-1] = found[-1]._replace(work=[*found[-1].work, piece])
    return found


def _wrong(case: CaseSnapshot, active: ActiveVersion) -> list[Finding]:
    return findings(case, active.configuration.queues, active.configuration.agents_by_id)


async def _repair(
    tx: AsyncConnection, case_ids: Sequence[UUID], active: ActiveVersion, now: datetime
) -> None:
    """Locks cases and their work, looks again, and mends what is still wrong."""
    seen = await store.cases.lock_cases(tx, case_ids)
    open_work = {work.work_item_id: work for work in await store.work_items.every_open_work(tx, case_ids)}
    pending = {
        offer.offer_id: offer for offer in (await store.offers.pending_offers(tx, list(open_work))).values()
    }
    rows = await fetch(tx, _AGAIN, {"ids": list(case_ids)})
    wrong = [finding for case in pictures(rows) for finding in _wrong(case, active)]
    lost = [finding.case_id for finding in wrong if finding.kind is FindingKind.NO_WORK]
    last = await store.work_items.last_work(tx, lost)
    repairer = _Mender(UnitOfWork(now), active, seen, open_work, pending)
    noted: list[Row] = []
    for finding in wrong:
        work, repair = repairer.repair(finding, last.get(finding.case_id))
        noted.append(
            {
                "finding_id": uuid4(), "kind": finding.kind.value, "case_id": finding.case_id,
                "work_item_id": work.work_item_id if work else None, "detail": finding.detail, "repair": repair, "at": now,
            }
        )  # fmt: skip
        if work is not None and repair is not None:
            told = WorkReconciled(
                work=work.facts(), finding=finding.kind.value, detail=finding.detail, repair=repair
            )
            repairer.unit.tell(told)
        change = {"finding": finding.kind.value, "detail": finding.detail, "repair": repair}
        repairer.unit.noted.append(
            Change("finding", str(finding.case_id), ["operations", "supervisors"], change)
        )
        LOG.warning("work stood wrong", finding=finding.kind.value, case=str(finding.case_id), repair=repair)
    await repairer.unit.write(tx)
    await store.base.upsert(tx, store.cases.CASE_RECORD, [one.row() for one in repairer.heard])
    if noted:
        await tx.execute(insert(store.reconciliation.FINDING), noted)


class _Mender:
    """How each kind of finding is repair, in one unit of work."""

    def __init__(
        self, unit: UnitOfWork, active: ActiveVersion, seen: Mapping[UUID, CaseRecord], open_work: Mapping[UUID, WorkItem],
        pending: dict[UUID, OfferRecord],
    ) -> None:  # fmt: skip
        self.unit = unit
        self.heard: list[CaseRecord] = []
        self._active = active
        self._seen = seen
        self._open = open_work
        self._pending = pending

    def repair(self, finding: Finding, last: WorkItem | None) -> tuple[WorkItem | None, str | None]:
        """The work item as it stands now, if there is one, and what was done; None: nothing could be."""
        if finding.work is None:
            return self._queue_anew(finding.case_id, last)
        work = self.unit.current(self._open[finding.work.work_item_id])
        repair = self._put_right(finding, finding.work, work)
        return self.unit.current(work), repair

    def _put_right(self, finding: Finding, piece: OpenWork, work: WorkItem) -> str:
        if finding.kind is FindingKind.CASE_UNKNOWN:
            # Not 0: what is heard of it next looks for its work.
            known = self._seen[work.case_id].replace(
                revision=1, awaits=True, reference=work.case_reference, customer_id=work.customer_id
            )
            self.heard.append(known)
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
            self.unit.complete(work, SYSTEM, finding.detail)
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
            # Each is looked at once, and set to what comes next.
            self.unit.timers += [
                (TimerKind.SLA_CLOCK, clock_id, self.unit.now) for clock_id in piece.clocks_without_timer
            ]

    def _queue_anew(self, case_id: UUID, last: WorkItem | None) -> tuple[WorkItem | None, str | None]:
        """Work as it was last; where it never was, as much of it as is known."""
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
                queued_at=now, decision_id=uuid4(), changed_at=now, units=1,
                profiles=configuration.profiles_of("", queue, PRIORITY), overflow=None,
                **order_and_steps(configuration, calendars, queue, now),
            )  # fmt: skip
        else:
            return None, None
        self.unit.add(work)
        return work, f"queued anew in {work.queue}"


async def stands(tx: AsyncConnection) -> Round | None:
    """How far the way round has come, and when the last was at its end; None before the first."""
    row = (await tx.execute(select(store.reconciliation.RECONCILIATION))).one_or_none()
    return Round(*(getattr(row, name) for name in Round._fields)) if row else None
