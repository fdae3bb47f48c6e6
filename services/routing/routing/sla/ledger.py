"""The ledgers of the clocks that a transaction changes: each operation becomes ledger entries, events and timers, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from antiphon.contracts.base import Event
from antiphon.contracts.work import Clock as ClockFacts
from antiphon.contracts.work import (
    SlaBreached,
    SlaCancelled,
    SlaMet,
    SlaPaused,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
    SlaTarget,
    SlaWarned,
    WorkReprioritised,
    WorkState,
    WorkTransferred,
)
from antiphon.http.changes import Change
from antiphon.organisation.sla_policy import Consequence
from antiphon.postgres.query import AnyRow, Columns, mapping
from routing.configuration.active import ActiveVersion
from routing.domain.configuration import sla_policy
from routing.domain.queues.escalation import EscalationKind, arrival
from routing.domain.time import sla_clock
from routing.domain.time.sla_clock import Clock, Entry, Kind, Terms
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.unit_of_work import SYSTEM, Row, UnitOfWork

ALARMS = {Kind.WARNED: "sla-warned", Kind.BREACHED: "sla-breached"}
"""The ledger entries that live streams show at once, and the kind of change of each."""
RESPONSES = {SlaTarget.FIRST_RESPONSE, SlaTarget.NEXT_RESPONSE}


@dataclass
class ClockRecord:
    """A clock with its row: what it measures, its state, and its entries that are not published yet.

    `started_at` is when the wait began, at `case_revision`; `entries` is the number of its ledger entries. `queue` and
    `channel` are those of its work until it is decided, at `decided_at`.
    """

    clock_id: UUID
    case_id: UUID
    work_item_id: UUID
    target: SlaTarget
    started_at: datetime
    case_revision: int
    clock: Clock
    entries: int = 0
    queue: str = ""
    channel: str = ""
    decided_at: datetime | None = None
    new: bool = False
    touched: bool = False
    unpublished: list[Entry] = field(default_factory=list[Entry])

    @classmethod
    def of(cls, row: Columns) -> "ClockRecord":
        """Returns the clock record of a row that has all columns."""
        return cls(
            row["clock_id"], row["case_id"], row["work_item_id"], SlaTarget(row["target"]), row["started_at"],
            row["case_revision"], _clock(row), row["entries"], row["queue"], row["channel"], row["decided_at"],
        )  # fmt: skip

    def row(self) -> Row:
        """Returns its row."""
        return {
            "clock_id": self.clock_id, "case_id": self.case_id, "work_item_id": self.work_item_id, "target": self.target.value,
            "started_at": self.started_at, "case_revision": self.case_revision, "entries": self.entries, "queue": self.queue,
            "channel": self.channel, **columns(self.clock),
        }  # fmt: skip

    @property
    def is_response(self) -> bool:
        """Whether a person's answer meets it."""
        return self.target in RESPONSES

    def facts(self) -> ClockFacts:
        """Returns the clock as events carry it."""
        clock = self.clock
        return ClockFacts(
            clock_id=self.clock_id,
            target=self.target,
            policy=clock.terms.policy,
            calendar=clock.terms.calendar,
            started_at=self.started_at,
            due_at=clock.due_at,
            configuration_version=clock.terms.version,
            paused_since=clock.paused_since,
            breached_at=clock.breached_at,
        )


class ClockLedger:
    """The clocks of some cases; their changes go into the unit of work. The caller has locked each case or its open work."""

    def __init__(self, unit: UnitOfWork, active: ActiveVersion, rows: Iterable[AnyRow] = ()) -> None:
        self.unit = unit
        self.active = active
        self._of: dict[UUID, list[ClockRecord]] = {}
        for row in rows:
            record = ClockRecord.of(mapping(row))
            self._of.setdefault(record.case_id, []).append(record)

    def running(self, case_id: UUID) -> list[ClockRecord]:
        """Returns the clocks of a case that have not ended, in the order in which they began."""
        return [record for record in self._of.get(case_id, ()) if not record.clock.ended]

    def terms(self, policy: str, target: SlaTarget, work: WorkItem) -> Terms | None:
        """Returns what a policy of the active version promises for the work; None when it has no such target."""
        policies = self.active.configuration.sla_policies
        return sla_policy.terms(policies, policy, target, work.channel, work.priority, self.active.version)

    def start(
        self, work: WorkItem, target: SlaTarget, policy: str, at: datetime, revision: int, cause: str
    ) -> None:
        """Starts a clock, if the policy has such a target."""
        terms = self.terms(policy, target, work)
        if terms is None:
            return
        clock, entries = sla_clock.start(at, terms, self.active.calendars[terms.calendar], cause)
        record = ClockRecord(
            uuid4(), work.case_id, work.work_item_id, target, at, revision, clock,
            new=True, touched=True, unpublished=entries,
        )  # fmt: skip
        self._of.setdefault(work.case_id, []).append(record)

    def pause(self, record: ClockRecord, at: datetime, cause: str) -> None:
        """Pauses the clock."""
        self._apply(record, sla_clock.pause(record.clock, at, cause))

    def resume(self, record: ClockRecord, at: datetime, cause: str) -> None:
        """Resumes the clock."""
        calendar = self.active.calendars[record.clock.terms.calendar]
        self._apply(record, sla_clock.resume(record.clock, at, calendar, cause))

    def meet(self, record: ClockRecord, at: datetime, cause: str) -> None:
        """Ends the clock because the promise was met."""
        self._apply(record, sla_clock.meet(record.clock, at, cause))

    def cancel(self, record: ClockRecord, at: datetime, cause: str) -> None:
        """Ends the clock because nothing is owed any more."""
        self._apply(record, sla_clock.cancel(record.clock, at, cause))

    def fire(self, record: ClockRecord, at: datetime) -> Sequence[Entry]:
        """Adds the warning or breach that is due by an instant; returns the entries that it added."""
        change = sla_clock.fire(record.clock, at, self.active.calendars[record.clock.terms.calendar])
        self._apply(record, change)
        return change[1]

    def recompute(self, record: ClockRecord, work: WorkItem, policy: str, cause: str) -> None:
        """Applies what a policy promises for the work as it is now; the time that has passed still counts."""
        terms = self.terms(policy, record.target, work)
        if terms is None:
            self.cancel(record, self.unit.now, f"{cause}: the policy {policy} promises no {record.target}")
            return
        calendar = self.active.calendars[terms.calendar]
        self._apply(record, sla_clock.recompute(record.clock, terms, calendar, self.unit.now, cause))
        record.clock = replace(record.clock, terms=terms)

    def tighten(self, record: ClockRecord, work: WorkItem, policy: str, cause: str) -> None:
        """Recomputes the clock if that makes it due sooner; else nothing changes."""
        terms = self.terms(policy, record.target, work)
        if terms is None:
            return
        change = sla_clock.recompute(
            record.clock, terms, self.active.calendars[terms.calendar], self.unit.now, cause
        )
        if change[0].due_at < record.clock.due_at:
            self._apply(record, change)
            record.clock = replace(record.clock, terms=terms)

    def apply_active_version(self, work: WorkItem) -> None:
        """Recomputes the clocks of a case by the active version, before anything is counted by its calendars."""
        for record in self.running(work.case_id):
            if record.clock.terms.version != self.active.version:
                policy = self.policy(record.clock.terms.policy, work)
                self.recompute(record, work, policy, f"configuration {self.active.version}")

    def policy(self, name: str, work: WorkItem) -> str:
        """Returns `name` if the active version has such a policy, else the policy of the work's queue."""
        configuration = self.active.configuration
        if name in configuration.sla_policies:
            return name
        queue = configuration.queues.get(work.queue) or configuration.queues[configuration.fallback]
        return queue.sla_policy

    def due(self, case_id: UUID) -> datetime | None:
        """Returns when the first running clock of a case is due; None when none runs."""
        return min(
            (record.clock.due_at for record in self.running(case_id) if record.clock.paused_since is None),
            default=None,
        )

    def publish(self, work: WorkItem) -> WorkItem:
        """Publishes the new entries of the clocks of the work's case, with the consequences of warnings and breaches.

        Open work is due when the first running clock is. Returns the work item after all changes.
        """
        records = self._of.get(work.case_id, [])
        seen = 0
        while (
            alarms := [
                (record, entry) for record in records for entry in record.unpublished if entry.kind in ALARMS
            ]
        )[seen:]:
            for record, entry in alarms[seen:]:
                work = self._apply_consequence(record, entry, work)
            seen = len(alarms)
        due = self.due(work.case_id)
        if work.state != WorkState.COMPLETED and work.due_at != due:
            work = self.unit.put(work, due_at=due)
        for record in records:
            self._write(record, work)
        return work

    def _apply_consequence(self, record: ClockRecord, entry: Entry, work: WorkItem) -> WorkItem:
        policy = self.active.configuration.sla_policies.get(entry.terms.policy)
        then = Consequence() if policy is None else policy.of_alarm(breached=entry.kind is Kind.BREACHED)
        payload = {
            "case": work.case_reference, "target": record.target, "percent": entry.percent, "due_at": entry.after,
        }  # fmt: skip
        change = Change(
            ALARMS[entry.kind], str(record.clock_id), then.audience(work.queue, work.agent_id), payload
        )
        self.unit.change_log.append(change)
        if work.state == WorkState.COMPLETED:
            return work
        why = f"{record.target}: {entry.cause}"
        if labels := [label for label in then.labels if label not in work.labels]:
            work = self.unit.put(work, labels=[*work.labels, *labels])
        if then.queue is not None and then.queue != work.queue and work.state == WorkState.QUEUED:
            before = work.queue
            came = arrival(work, self.active.configuration, self.active.calendars, then.queue, self.unit.now)
            work = self.unit.put(work, **came, hold_until=None)
            self.unit.note_escalation(work, EscalationKind.OVERFLOW, why)
            self.unit.publish(WorkTransferred(work=work.facts(), by=SYSTEM, from_queue=before, note=why))
        if then.priority is not None and then.priority > work.priority:
            previous = work.priority
            profiles = self.active.configuration.profiles_of(work.channel, work.queue, then.priority)
            work = self.unit.put(work, priority=then.priority, profiles=profiles)
            self.unit.publish(WorkReprioritised(work=work.facts(), by=SYSTEM, previous=previous, reason=why))
            for one in self.running(work.case_id):
                self.recompute(
                    one, work, self.policy(one.clock.terms.policy, work), f"priority {then.priority}"
                )
        return work

    def close(self) -> None:
        """Puts changed clocks into the unit of work, with the timer of the next warning or breach.

        Called once, before the unit of work is written.
        """
        for record in (one for some in self._of.values() for one in some if one.touched):
            (self.unit.new_clocks if record.new else self.unit.clocks).append(record.row())
            clock_id, clock = record.clock_id, record.clock
            calendar = self.active.calendars.get(clock.terms.calendar)
            moment = sla_clock.next_at(clock, calendar) if calendar and not clock.ended else None
            if moment is not None:
                self.unit.timers.append((TimerKind.SLA_CLOCK, clock_id, moment))
            elif not record.new:
                self.unit.dropped_timers.append((TimerKind.SLA_CLOCK, clock_id))

    def _apply(self, record: ClockRecord, change: sla_clock.Change) -> None:
        record.clock, entries = change
        record.unpublished += entries
        record.touched = record.touched or bool(entries)

    def _write(self, record: ClockRecord, work: WorkItem) -> None:
        if not record.touched:
            return
        if record.decided_at is None:
            record.queue, record.channel = work.queue, work.channel
        record.decided_at = decided_at(record.clock)
        entries, record.unpublished = record.unpublished, []
        for entry in entries:
            self.unit.clock_entries.append(_entry_row(record, entry, self.unit.now))
            record.entries += 1
        shown = record.facts()
        for event in (event_of(work, shown, record.clock, entry) for entry in entries):
            if event is not None:
                self.unit.publish(event)


def decided_at(clock: Clock) -> datetime | None:
    """Returns when it was decided whether the promise is kept; None when it is not."""
    return clock.breached_at or clock.met_at or clock.cancelled_at


def columns(clock: Clock) -> Row:
    """Returns the state of a clock as columns of its row."""
    return {
        "policy": clock.terms.policy, "calendar": clock.terms.calendar, "within": clock.terms.within,
        "warn_at": clock.terms.warn_at, "configuration_version": clock.terms.version, "due_at": clock.due_at,
        "terms_since": clock.terms_since, "runs": clock.runs, "warned": clock.warned,
        "paused_since": clock.paused_since, "met_at": clock.met_at, "breached_at": clock.breached_at,
        "cancelled_at": clock.cancelled_at,
        "decided_at": decided_at(clock),
    }  # fmt: skip


def _clock(row: Columns) -> Clock:
    return Clock(
        _terms(row), row["terms_since"],
        tuple((datetime.fromisoformat(a), b and datetime.fromisoformat(b)) for a, b in row["runs"]),
        row["due_at"], tuple(row["warned"]), row["breached_at"], row["met_at"], row["cancelled_at"],
    )  # fmt: skip


def _terms(row: Columns) -> Terms:
    return Terms(
        row["policy"], row["calendar"], row["within"], tuple(row["warn_at"]), row["configuration_version"]
    )


def entry_of(row: Columns) -> Entry:
    """Returns the ledger entry of a row."""
    return Entry(
        Kind(row["kind"]), row["at"], row["cause"], _terms(row), row["due_before"], row["due_after"],
        tuple(row["warned"]), row["percent"],
    )  # fmt: skip


def _entry_row(record: ClockRecord, entry: Entry, now: datetime) -> Row:
    return {
        "clock_id": record.clock_id, "place": record.entries, "kind": entry.kind.value, "at": entry.at,
        "noted_at": now, "cause": entry.cause, "policy": entry.terms.policy, "calendar": entry.terms.calendar,
        "configuration_version": entry.terms.version, "within": entry.terms.within,
        "warn_at": entry.terms.warn_at, "warned": entry.warned, "percent": entry.percent,
        "due_before": entry.before, "due_after": entry.after,
    }  # fmt: skip


def event_of(work: WorkItem, shown: ClockFacts, clock: Clock, entry: Entry) -> Event | None:
    """Returns the event of a ledger entry; None for a cleared breach, which the next entry's event shows."""
    about = work.facts()
    before = entry.before or entry.after
    event: Event | None = None
    match entry.kind:
        case Kind.APPLIED:
            event = SlaStarted(work=about, clock=shown)
        case Kind.PAUSED:
            event = SlaPaused(work=about, clock=shown, paused_at=entry.at, cause=entry.cause)
        case Kind.RESUMED:
            event = SlaResumed(
                work=about, clock=shown, resumed_at=entry.at, previous_due_at=before, cause=entry.cause
            )
        case Kind.RECOMPUTED:
            event = SlaRecomputed(
                work=about, clock=shown, recomputed_at=entry.at, previous_due_at=before, cause=entry.cause
            )
        case Kind.WARNED:
            event = SlaWarned(work=about, clock=shown, warned_at=entry.at, percent=entry.percent or 0)
        case Kind.BREACHED:
            event = SlaBreached(work=about, clock=shown, breached_at=entry.at)
        case Kind.MET:
            event = SlaMet(work=about, clock=shown, met_at=entry.at, late=clock.breached_at is not None)
        case Kind.CANCELLED:
            event = SlaCancelled(work=about, clock=shown, cancelled_at=entry.at, reason=entry.cause)
        case Kind.CLEARED:
            pass
    return event
