"""The clocks of some cases in hand: what happens to them becomes lines of their ledgers, events and timers, in order."""

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
from antiphon.postgres.query import AnyRow, Columns, mapping
from routing.configuration.active import ActiveVersion
from routing.domain.configuration import sla_policy
from routing.domain.configuration.sla_policy import Consequence
from routing.domain.queues.escalation import EscalationKind, arrival
from routing.domain.time import sla_clock
from routing.domain.time.sla_clock import Clock, Entry, Kind, Terms
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.unit_of_work import SYSTEM, Row, UnitOfWork

ALARMS = {Kind.WARNED: "sla-warned", Kind.BREACHED: "sla-breached"}
"""What people are told of at once, and by which kind of change."""
RESPONSES = {SlaTarget.FIRST_RESPONSE, SlaTarget.NEXT_RESPONSE}


@dataclass
class ClockRecord:
    """A clock in hand: what it measures, how it stands, and what has yet to be told of it.

    `started_at` is when the wait began, at `case_revision`; `entries` are the lines of its ledger. `queue` and `channel` are
    those of its work, and stay as they were when it was decided, at `decided_at`.
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
    untold: list[Entry] = field(default_factory=list[Entry])

    @classmethod
    def of(cls, row: Columns) -> "ClockRecord":
        """That of a row with all columns."""
        return cls(
            row["clock_id"], row["case_id"], row["work_item_id"], SlaTarget(row["target"]), row["started_at"],
            row["case_revision"], _clock(row), row["entries"], row["queue"], row["channel"], row["decided_at"],
        )  # fmt: skip

    def row(self) -> Row:
        """Its row."""
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
        """It as events tell it."""
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
    """Clocks by case. What is done to them is collected in the unit of work; the caller has locked the case or its open work."""

    def __init__(self, unit: UnitOfWork, active: ActiveVersion, rows: Iterable[AnyRow] = ()) -> None:
        self.unit = unit
        self.active = active
        self._of: dict[UUID, list[ClockRecord]] = {}
        for row in rows:
            held = ClockRecord.of(mapping(row))
            self._of.setdefault(held.case_id, []).append(held)

    def running(self, case_id: UUID) -> list[ClockRecord]:
        """The clocks of a case that have not ended, in the order in which they began."""
        return [held for held in self._of.get(case_id, ()) if not held.clock.ended]

    def terms(self, policy: str, target: SlaTarget, work: WorkItem) -> Terms | None:
        """What a policy promises for the work, by the configuration active."""
        policies = self.active.configuration.sla_policies
        return sla_policy.terms(policies, policy, target, work.channel, work.priority, self.active.version)

    def start(
        self, work: WorkItem, target: SlaTarget, policy: str, at: datetime, revision: int, cause: str
    ) -> None:
        """Starts a clock, if the policy promises anything of the kind."""
        terms = self.terms(policy, target, work)
        if terms is None:
            return
        clock, entries = sla_clock.start(at, terms, self.active.calendars[terms.calendar], cause)
        held = ClockRecord(
            uuid4(), work.case_id, work.work_item_id, target, at, revision, clock,
            new=True, touched=True, untold=entries,
        )  # fmt: skip
        self._of.setdefault(work.case_id, []).append(held)

    def pause(self, held: ClockRecord, at: datetime, cause: str) -> None:
        """It stands still from an instant."""
        self._did(held, sla_clock.pause(held.clock, at, cause))

    def resume(self, held: ClockRecord, at: datetime, cause: str) -> None:
        """It goes on from an instant."""
        calendar = self.active.calendars[held.clock.terms.calendar]
        self._did(held, sla_clock.resume(held.clock, at, calendar, cause))

    def meet(self, held: ClockRecord, at: datetime, cause: str) -> None:
        """What was promised was done."""
        self._did(held, sla_clock.meet(held.clock, at, cause))

    def cancel(self, held: ClockRecord, at: datetime, cause: str) -> None:
        """Nothing is owed any more."""
        self._did(held, sla_clock.cancel(held.clock, at, cause))

    def fire(self, held: ClockRecord, at: datetime) -> Sequence[Entry]:
        """What is due by an instant; the lines that it added."""
        change = sla_clock.fire(held.clock, at, self.active.calendars[held.clock.terms.calendar])
        self._did(held, change)
        return change[1]

    def recompute(self, held: ClockRecord, work: WorkItem, policy: str, cause: str) -> None:
        """What a policy promises for the work as it is now, instead of what was promised; the time spent stays spent."""
        terms = self.terms(policy, held.target, work)
        if terms is None:
            self.cancel(held, self.unit.now, f"{cause}: the policy {policy} promises no {held.target}")
            return
        calendar = self.active.calendars[terms.calendar]
        self._did(held, sla_clock.recompute(held.clock, terms, calendar, self.unit.now, cause))
        held.clock = replace(held.clock, terms=terms)

    def tighten(self, held: ClockRecord, work: WorkItem, policy: str, cause: str) -> None:
        """`recompute`, where the policy promises the same sooner; else nothing changes."""
        terms = self.terms(policy, held.target, work)
        if terms is None:
            return
        change = sla_clock.recompute(
            held.clock, terms, self.active.calendars[terms.calendar], self.unit.now, cause
        )
        if change[0].due_at < held.clock.due_at:
            self._did(held, change)
            held.clock = replace(held.clock, terms=terms)

    def apply_active_version(self, work: WorkItem) -> None:
        """Brings the clocks of a case to the configuration active, before anything is counted by its calendars."""
        for held in self.running(work.case_id):
            if held.clock.terms.version != self.active.version:
                policy = self.policy(held.clock.terms.policy, work)
                self.recompute(held, work, policy, f"configuration {self.active.version}")

    def policy(self, name: str, work: WorkItem) -> str:
        """The policy of a name; when there is none any more, that of the work's queue."""
        configuration = self.active.configuration
        if name in configuration.sla_policies:
            return name
        queue = configuration.queues.get(work.queue) or configuration.queues[configuration.fallback]
        return queue.sla_policy

    def due(self, case_id: UUID) -> datetime | None:
        """When the first of the clocks that run on a case is due; None when none runs."""
        return min(
            (held.clock.due_at for held in self.running(case_id) if held.clock.paused_since is None),
            default=None,
        )

    def publish(self, work: WorkItem) -> WorkItem:
        """Writes and tells what was done to the clocks of the work's case, with what follows from warnings and breaches.

        Open work is due when the first of the clocks is. The work item as it stands then.
        """
        held = self._of.get(work.case_id, [])
        seen = 0
        while (alarms := [(one, entry) for one in held for entry in one.untold if entry.kind in ALARMS])[
            seen:
        ]:
            for one, entry in alarms[seen:]:
                work = self._follows(one, entry, work)
            seen = len(alarms)
        due = self.due(work.case_id)
        if work.state != WorkState.COMPLETED and work.due_at != due:
            work = self.unit.put(work, due_at=due)
        for one in held:
            self._write(one, work)
        return work

    def _follows(self, held: ClockRecord, entry: Entry, work: WorkItem) -> WorkItem:
        policy = self.active.configuration.sla_policies.get(entry.terms.policy)
        then = Consequence() if policy is None else policy.of_alarm(breached=entry.kind is Kind.BREACHED)
        told = {
            "case": work.case_reference, "target": held.target, "percent": entry.percent, "due_at": entry.after,
        }  # fmt: skip
        change = Change(
            ALARMS[entry.kind], str(held.clock_id), then.audience(work.queue, work.agent_id), told
        )
        self.unit.noted.append(change)
        if work.state == WorkState.COMPLETED:
            return work
        why = f"{held.target}: {entry.cause}"
        if labels := [label for label in then.labels if label not in work.labels]:
            work = self.unit.put(work, labels=[*work.labels, *labels])
        if then.queue is not None and then.queue != work.queue and work.state == WorkState.QUEUED:
            before = work.queue
            came = arrival(work, self.active.configuration, self.active.calendars, then.queue, self.unit.now)
            work = self.unit.put(work, **came, hold_until=None)
            self.unit.note(work, EscalationKind.OVERFLOW, why)
            self.unit.tell(WorkTransferred(work=work.facts(), by=SYSTEM, from_queue=before, note=why))
        if then.priority is not None and then.priority > work.priority:
            previous = work.priority
            profiles = self.active.configuration.profiles_of(work.channel, work.queue, then.priority)
            work = self.unit.put(work, priority=then.priority, profiles=profiles)
            self.unit.tell(WorkReprioritised(work=work.facts(), by=SYSTEM, previous=previous, reason=why))
            for one in self.running(work.case_id):
                self.recompute(
                    one, work, self.policy(one.clock.terms.policy, work), f"priority {then.priority}"
                )
        return work

    def close(self) -> None:
        """Puts what was touched into the unit of work, with the timer of what comes next. Called once, before the unit of work is written."""
        for held in (one for some in self._of.values() for one in some if one.touched):
            (self.unit.new_clocks if held.new else self.unit.clocks).append(held.row())
            clock_id, clock = held.clock_id, held.clock
            calendar = self.active.calendars.get(clock.terms.calendar)
            moment = sla_clock.next_at(clock, calendar) if calendar and not clock.ended else None
            if moment is not None:
                self.unit.timers.append((TimerKind.SLA_CLOCK, clock_id, moment))
            elif not held.new:
                self.unit.dropped.append((TimerKind.SLA_CLOCK, clock_id))

    def _did(self, held: ClockRecord, change: sla_clock.Change) -> None:
        held.clock, entries = change
        held.untold += entries
        held.touched = held.touched or bool(entries)

    def _write(self, held: ClockRecord, work: WorkItem) -> None:
        if not held.touched:
            return
        if held.decided_at is None:
            held.queue, held.channel = work.queue, work.channel
        held.decided_at = decided_at(held.clock)
        told, held.untold = held.untold, []
        for entry in told:
            self.unit.clock_entries.append(_line(held, entry, self.unit.now))
            held.entries += 1
        shown = held.facts()
        for event in (event_of(work, shown, held.clock, entry) for entry in told):
            if event is not None:
                self.unit.tell(event)


def decided_at(clock: Clock) -> datetime | None:
    """When it was decided whether what was promised is kept."""
    return clock.breached_at or clock.met_at or clock.cancelled_at


def columns(clock: Clock) -> Row:
    """A clock as columns of its row."""
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
    """A line of the ledger, as its row tells it."""
    return Entry(
        Kind(row["kind"]), row["at"], row["cause"], _terms(row), row["due_before"], row["due_after"],
        tuple(row["warned"]), row["percent"],
    )  # fmt: skip


def _line(held: ClockRecord, entry: Entry, now: datetime) -> Row:
    return {
        "clock_id": held.clock_id, "place": held.entries, "kind": entry.kind.value, "at": entry.at,
        "noted_at": now, "cause": entry.cause, "policy": entry.terms.policy, "calendar": entry.terms.calendar,
        "configuration_version": entry.terms.version, "within": entry.terms.within,
        "warn_at": entry.terms.warn_at, "warned": entry.warned, "percent": entry.percent,
        "due_before": entry.before, "due_after": entry.after,
    }  # fmt: skip


def event_of(work: WorkItem, shown: ClockFacts, clock: Clock, entry: Entry) -> Event | None:
    """The event that tells a line of the ledger; None for one that the next line's event tells."""
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
