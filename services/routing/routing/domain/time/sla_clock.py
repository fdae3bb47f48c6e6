"""SLA clocks: what is promised, and how much of that time has passed. A clock is folded from the entries of its ledger. Pure.

A clock runs in intervals. It is due when the open time of its intervals reaches the promised time, and breached when it
runs beyond that: an answer or a pause at that very instant is in time. New terms can't cause a breach before the moment
they apply from. A clock is breached at most once, whatever terms follow, unless the breach is cleared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from routing.domain.time.business_calendar import BusinessCalendar

Run = tuple[datetime, datetime | None]
"""An interval in which a clock ran; an end of None: it still runs."""


class Kind(StrEnum):
    """The kinds of ledger entries."""

    APPLIED = "applied"
    PAUSED = "paused"
    RESUMED = "resumed"
    RECOMPUTED = "recomputed"
    WARNED = "warned"
    BREACHED = "breached"
    # A late event shows that the clock had stopped in time: the breach is void.
    CLEARED = "cleared"
    MET = "met"
    CANCELLED = "cancelled"


class Terms(NamedTuple):
    """What is promised: `within` open time of a calendar, with warnings at percentages of it, by a version of the configuration."""

    policy: str
    calendar: str
    within: timedelta
    warn_at: tuple[int, ...]
    version: int

    def same(self, other: "Terms") -> bool:
        """Whether both promise the same, in whatever version."""
        return self == other._replace(version=self.version)


class Entry(NamedTuple):
    """An entry of the ledger: what happened `at` an instant and why, the due times before and after, and the warnings so far."""

    kind: Kind
    at: datetime
    cause: str
    terms: Terms
    before: datetime | None
    after: datetime
    warned: tuple[int, ...]
    percent: int | None = None


@dataclass(frozen=True)
class Clock:
    """The state of a clock. While it is paused, `due_at` is when it would be due if it had not been."""

    terms: Terms
    terms_since: datetime
    runs: tuple[Run, ...]
    due_at: datetime
    warned: tuple[int, ...] = ()
    breached_at: datetime | None = None
    met_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it was met or cancelled."""
        return self.met_at is not None or self.cancelled_at is not None

    @property
    def paused_since(self) -> datetime | None:
        """When it was paused; None when it runs or has ended."""
        return None if self.ended else self.runs[-1][1]

    @property
    def runs_out_at(self) -> datetime | None:
        """When it is breached unless it stops before; None when it has stopped before."""
        return running_from(self.runs, max(self.due_at, self.terms_since))


Change = tuple[Clock, list[Entry]]
"""A clock after an operation, and the entries that it added; none when nothing changed."""


def start(at: datetime, terms: Terms, calendar: BusinessCalendar, cause: str) -> Change:
    """Starts a clock that runs from `at`. Raises BeyondHorizonError."""
    due = calendar.add(at, terms.within)
    entry = Entry(Kind.APPLIED, at, cause, terms, None, due, ())
    return fold([entry]), [entry]


def pause(clock: Clock, at: datetime, cause: str) -> Change:
    """Pauses the clock from `at`. One that is paused or has ended does not change."""
    if clock.ended or clock.paused_since is not None:
        return clock, []
    at = max(at, clock.runs[-1][0])
    return _then(clock, _breach_by(clock, at), Kind.PAUSED, at, cause)


def resume(clock: Clock, at: datetime, calendar: BusinessCalendar, cause: str) -> Change:
    """Resumes the clock from `at`; an `at` of the pause itself undoes the pause."""
    paused = clock.paused_since
    if paused is None:
        return clock, []
    at = max(at, paused)
    after = due(_resumed(clock.runs, at), clock.terms.within, calendar)
    return _then(clock, [], Kind.RESUMED, at, cause, after=after)


def recompute(clock: Clock, terms: Terms, calendar: BusinessCalendar, at: datetime, cause: str) -> Change:
    """Applies other terms from `at` on; they count all the time that the clock has run since its start."""
    if clock.ended:
        return clock, []
    breach = [] if clock.breached_at else _breach_by(clock, at)
    after = due(clock.runs, terms.within, calendar)
    if terms.same(clock.terms) and after == clock.due_at:
        return clock, []
    still_warned = [
        percent
        for percent in (breach[-1].warned if breach else clock.warned)
        if percent in terms.warn_at
        and (moment := running_from(clock.runs, _warning(clock.runs, terms.within, percent, calendar)))
        and moment <= at
    ]
    return _then(
        clock, breach, Kind.RECOMPUTED, at, cause, terms=terms, after=after, warned=tuple(still_warned)
    )


def meet(clock: Clock, at: datetime, cause: str) -> Change:
    """Ends the clock because the promise was met at `at`; it is late when the clock had run out before."""
    return _end(clock, Kind.MET, at, cause)


def cancel(clock: Clock, at: datetime, cause: str) -> Change:
    """Ends the clock because nothing is owed any more."""
    return _end(clock, Kind.CANCELLED, at, cause)


def fire(clock: Clock, at: datetime, calendar: BusinessCalendar) -> Change:
    """Adds what is due by `at`: the breach, else one warning, that of the highest percentage that was passed."""
    passed = [(moment, percent) for moment, percent in _pending(clock, calendar) if moment <= at]
    if not passed:
        return clock, []
    moment, percent = passed[-1]
    if percent is None:
        return _then(clock, [], Kind.BREACHED, moment, "the time ran out")
    return _then(clock, [], Kind.WARNED, moment, f"{percent} % of the time has passed", percent=percent)


def next_at(clock: Clock, calendar: BusinessCalendar) -> datetime | None:
    """Returns when `fire` next adds an entry; None when it adds none until the clock changes."""
    return next((moment for moment, _ in _pending(clock, calendar)), None)


def fold(entries: Iterable[Entry]) -> Clock:
    """Returns the clock that the entries of a ledger add up to, from the first. Raises ValueError when there is no first."""
    clock: Clock | None = None
    for entry in entries:
        clock = _folded(clock, entry)
    if clock is None:
        raise ValueError("the ledger of a clock has no entries: it must begin with an applied one")
    return clock


def due(runs: Sequence[Run], within: timedelta, calendar: BusinessCalendar) -> datetime:
    """Returns when the open time of the runs reaches `within`, as if the last run went on."""
    left = within
    for begins, ends in runs[:-1]:
        worked = calendar.between(begins, ends or begins)
        if worked >= left:
            reached = _after(begins, left, calendar)
            if ends is not None and reached < ends:
                return reached
        left = max(left - worked, timedelta(0))
    return _after(runs[-1][0], left, calendar)


def running_from(runs: Sequence[Run], at: datetime) -> datetime | None:
    """Returns the first instant from `at` on at which the clock runs; None when it has stopped before."""
    for begins, ends in runs:
        if ends is None or max(at, begins) < ends:
            return max(at, begins)
    return None


def _after(begins: datetime, left: timedelta, calendar: BusinessCalendar) -> datetime:
    """Returns when `left` of open time has passed since `begins`; when nothing is left, `begins`, open or closed."""
    return calendar.add(begins, left) if left else begins


def _warning(runs: Sequence[Run], within: timedelta, percent: int, calendar: BusinessCalendar) -> datetime:
    return due(runs, within * percent / 100, calendar)


def _pending(clock: Clock, calendar: BusinessCalendar) -> Iterator[tuple[datetime, int | None]]:
    """Yields the warnings and the breach still to come, with their moments: warnings by percentage, then the breach (None)."""
    if clock.ended:
        return
    for percent in sorted(set(clock.terms.warn_at) - set(clock.warned)):
        reached = _warning(clock.runs, clock.terms.within, percent, calendar)
        if moment := running_from(clock.runs, max(reached, clock.terms_since)):
            yield moment, percent
    if clock.breached_at is None and (moment := clock.runs_out_at):
        yield moment, None


def _breach_by(clock: Clock, at: datetime) -> list[Entry]:
    """Returns the entry that a stop at `at` needs first: the breach before it, or the clearing of a breach that never was."""
    if clock.breached_at is not None and at <= clock.breached_at:
        return [_entry(clock, Kind.CLEARED, at, "a late event shows that it had stopped in time")]
    moment = clock.runs_out_at
    if clock.breached_at is None and moment is not None and moment < at:
        return [_entry(clock, Kind.BREACHED, moment, "the time ran out")]
    return []


def _end(clock: Clock, kind: Kind, at: datetime, cause: str) -> Change:
    if clock.ended:
        return clock, []
    at = max(at, clock.runs[0][0])
    return _then(clock, _breach_by(clock, at), kind, at, cause)


def _then(
    clock: Clock, before: Sequence[Entry], kind: Kind, at: datetime, cause: str, *,
    terms: Terms | None = None, after: datetime | None = None, warned: tuple[int, ...] | None = None,
    percent: int | None = None,
) -> Change:  # fmt: skip
    entries = list(before)
    for entry in before:
        clock = _folded(clock, entry)
    entry = _entry(clock, kind, at, cause, percent)
    entry = entry._replace(
        terms=terms or entry.terms,
        after=after or entry.after,
        warned=entry.warned if warned is None else warned,
    )
    return _folded(clock, entry), [*entries, entry]


def _entry(clock: Clock, kind: Kind, at: datetime, cause: str, percent: int | None = None) -> Entry:
    warned = clock.warned
    if kind is Kind.BREACHED:
        warned = tuple(sorted({*warned, *clock.terms.warn_at}))
    elif percent is not None:
        warned = tuple(sorted({*warned, *(warning for warning in clock.terms.warn_at if warning <= percent)}))
    return Entry(kind, at, cause, clock.terms, clock.due_at, clock.due_at, warned, percent)


def _folded(clock: Clock | None, entry: Entry) -> Clock:
    if clock is None:
        if entry.kind is not Kind.APPLIED:
            raise ValueError(
                f"the ledger of a clock begins with {entry.kind}: it must begin with an applied entry"
            )
        return Clock(entry.terms, entry.at, ((entry.at, None),), entry.after)
    changed: dict[str, object] = {"terms": entry.terms, "due_at": entry.after, "warned": entry.warned}
    if entry.kind in {Kind.PAUSED, Kind.MET, Kind.CANCELLED}:
        changed["runs"] = _stopped(clock.runs, entry.at)
    if entry.kind is Kind.RESUMED:
        changed["runs"] = _resumed(clock.runs, entry.at)
    if entry.kind is Kind.CLEARED:
        changed["breached_at"] = None
    if entry.kind in _TIMES_BY_KIND:
        changed[_TIMES_BY_KIND[entry.kind]] = entry.at
    return replace(clock, **changed)


_TIMES_BY_KIND = {
    Kind.RECOMPUTED: "terms_since",
    Kind.BREACHED: "breached_at",
    Kind.MET: "met_at",
    Kind.CANCELLED: "cancelled_at",
}


def _stopped(runs: Sequence[Run], at: datetime) -> tuple[Run, ...]:
    """Cuts the runs at `at`, which may be before the last of them."""
    kept = [(begins, at if ends is None else min(ends, at)) for begins, ends in runs if begins <= at]
    return tuple(kept)


def _resumed(runs: Sequence[Run], at: datetime) -> tuple[Run, ...]:
    begins, ends = runs[-1]
    return (*runs[:-1], (begins, None)) if ends == at else (*runs, (at, None))
