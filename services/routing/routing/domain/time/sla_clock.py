"""Service clocks: what was promised, and how much of it has passed. Each is folded from its ledger; nothing here waits.

A clock runs in intervals. It is due where the open time of its intervals reaches what was promised, and broken when it
runs beyond that: an answer, or a pause, at the very instant is in time. Terms that come later break nothing before they
came; and a breach, once told, is told once, whatever terms come after it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from routing.domain.time.business_calendar import BusinessCalendar

Run = tuple[datetime, datetime | None]
"""From when to when a clock ran; until None it still does."""


class Kind(StrEnum):
    """What a line of the ledger says."""

    APPLIED = "applied"
    PAUSED = "paused"
    RESUMED = "resumed"
    RECOMPUTED = "recomputed"
    WARNED = "warned"
    BREACHED = "breached"
    # What was heard later says that the clock had stopped in time.
    CLEARED = "cleared"
    MET = "met"
    CANCELLED = "cancelled"


class Terms(NamedTuple):
    """What is promised: `within` of a calendar's open time, with warnings at percentages of it, by a configuration."""

    policy: str
    calendar: str
    within: timedelta
    warn_at: tuple[int, ...]
    version: int

    def same(self, other: "Terms") -> bool:
        """Whether both promise the same, whatever configuration says so."""
        return self == other._replace(version=self.version)


class Entry(NamedTuple):
    """A line of the ledger: what happened at an instant and why; due before and after; what has been warned of."""

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
    """How a clock stands. While it is paused, `due_at` is when it would be due if it had gone on."""

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
        """Since when it is paused; None when it runs or has ended."""
        return None if self.ended else self.runs[-1][1]

    @property
    def runs_out_at(self) -> datetime | None:
        """When it is broken, if nothing stops it before; None when something did."""
        return running_from(self.runs, max(self.due_at, self.terms_since))


Change = tuple[Clock, list[Entry]]
"""A clock as it stands after something, and the lines that say so; none when nothing changed."""


def start(at: datetime, terms: Terms, calendar: BusinessCalendar, cause: str) -> Change:
    """A clock that runs from `at`."""
    due = calendar.add(at, terms.within)
    entry = Entry(Kind.APPLIED, at, cause, terms, None, due, ())
    return fold([entry]), [entry]


def pause(clock: Clock, at: datetime, cause: str) -> Change:
    """The clock stands still from `at`. One that is paused or has ended stays as it is."""
    if clock.ended or clock.paused_since is not None:
        return clock, []
    at = max(at, clock.runs[-1][0])
    return _then(clock, _judged(clock, at), Kind.PAUSED, at, cause)


def resume(clock: Clock, at: datetime, calendar: BusinessCalendar, cause: str) -> Change:
    """The clock goes on from `at`; from when it was paused, as if it never had been."""
    paused = clock.paused_since
    if paused is None:
        return clock, []
    at = max(at, paused)
    after = due(_resumed(clock.runs, at), clock.terms.within, calendar)
    return _then(clock, [], Kind.RESUMED, at, cause, after=after)


def recompute(clock: Clock, terms: Terms, calendar: BusinessCalendar, at: datetime, cause: str) -> Change:
    """Other terms from `at` on, for all the time that the clock has run since its start."""
    if clock.ended:
        return clock, []
    judged = [] if clock.breached_at else _judged(clock, at)
    after = due(clock.runs, terms.within, calendar)
    if terms.same(clock.terms) and after == clock.due_at:
        return clock, []
    stays = [
        percent
        for percent in (judged[-1].warned if judged else clock.warned)
        if percent in terms.warn_at
        and (moment := running_from(clock.runs, _warning(clock.runs, terms.within, percent, calendar)))
        and moment <= at
    ]
    return _then(clock, judged, Kind.RECOMPUTED, at, cause, terms=terms, after=after, warned=tuple(stays))


def meet(clock: Clock, at: datetime, cause: str) -> Change:
    """What was promised was done at `at`: late when the clock had run out before."""
    return _end(clock, Kind.MET, at, cause)


def cancel(clock: Clock, at: datetime, cause: str) -> Change:
    """Nothing is owed any more, although it was not done."""
    return _end(clock, Kind.CANCELLED, at, cause)


def fire(clock: Clock, at: datetime, calendar: BusinessCalendar) -> Change:
    """What is due by `at`: the breach, or else one warning, of the highest percentage that was passed."""
    passed = [(moment, percent) for moment, percent in _pending(clock, calendar) if moment <= at]
    if not passed:
        return clock, []
    moment, percent = passed[-1]
    if percent is None:
        return _then(clock, [], Kind.BREACHED, moment, "the time ran out")
    return _then(clock, [], Kind.WARNED, moment, f"{percent} % of the time has passed", percent=percent)


def next_at(clock: Clock, calendar: BusinessCalendar) -> datetime | None:
    """When `fire` has something to do; None when it has nothing until the clock is touched again."""
    return next((moment for moment, _ in _pending(clock, calendar)), None)


def fold(entries: Iterable[Entry]) -> Clock:
    """The clock that a ledger tells of, line by line from the first. Raises ValueError without a first line."""
    clock: Clock | None = None
    for entry in entries:
        clock = _folded(clock, entry)
    if clock is None:
        raise ValueError("a ledger begins with a line")
    return clock


def due(runs: Sequence[Run], within: timedelta, calendar: BusinessCalendar) -> datetime:
    """Where the open time of the runs reaches `within`; of the last as if it went on."""
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
    """The first instant from `at` on at which the clock runs; None when it has stopped before."""
    for begins, ends in runs:
        if ends is None or max(at, begins) < ends:
            return max(at, begins)
    return None


def _after(begins: datetime, left: timedelta, calendar: BusinessCalendar) -> datetime:
    """When `left` of open time has passed; if nothing is left, that is at once, open or closed."""
    return calendar.add(begins, left) if left else begins


def _warning(runs: Sequence[Run], within: timedelta, percent: int, calendar: BusinessCalendar) -> datetime:
    return due(runs, within * percent / 100, calendar)


def _pending(clock: Clock, calendar: BusinessCalendar) -> Iterator[tuple[datetime, int | None]]:
    """What has yet to be told, in order: warnings by their percentage, then the breach. Each once it is certain to come."""
    if clock.ended:
        return
    for percent in sorted(set(clock.terms.warn_at) - set(clock.warned)):
        reached = _warning(clock.runs, clock.terms.within, percent, calendar)
        if moment := running_from(clock.runs, max(reached, clock.terms_since)):
            yield moment, percent
    if clock.breached_at is None and (moment := clock.runs_out_at):
        yield moment, None


def _judged(clock: Clock, at: datetime) -> list[Entry]:
    """What stopping at `at` says of the breach: it came before and was not told yet, or was told and never came."""
    if clock.breached_at is not None and at <= clock.breached_at:
        return [_entry(clock, Kind.CLEARED, at, "it was stopped in time, which was heard of later")]
    moment = clock.runs_out_at
    if clock.breached_at is None and moment is not None and moment < at:
        return [_entry(clock, Kind.BREACHED, moment, "the time ran out")]
    return []


def _end(clock: Clock, kind: Kind, at: datetime, cause: str) -> Change:
    if clock.ended:
        return clock, []
    at = max(at, clock.runs[0][0])
    return _then(clock, _judged(clock, at), kind, at, cause)


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
        warned = tuple(sorted({*warned, *(one for one in clock.terms.warn_at if one <= percent)}))
    return Entry(kind, at, cause, clock.terms, clock.due_at, clock.due_at, warned, percent)


def _folded(clock: Clock | None, entry: Entry) -> Clock:
    if clock is None:
        if entry.kind is not Kind.APPLIED:
            raise ValueError(f"a ledger does not begin with {entry.kind}")
        return Clock(entry.terms, entry.at, ((entry.at, None),), entry.after)
    changed: dict[str, object] = {"terms": entry.terms, "due_at": entry.after, "warned": entry.warned}
    if entry.kind in {Kind.PAUSED, Kind.MET, Kind.CANCELLED}:
        changed["runs"] = _stopped(clock.runs, entry.at)
    if entry.kind is Kind.RESUMED:
        changed["runs"] = _resumed(clock.runs, entry.at)
    if entry.kind is Kind.CLEARED:
        changed["breached_at"] = None
    if entry.kind in _NOTED:
        changed[_NOTED[entry.kind]] = entry.at
    return replace(clock, **changed)


_NOTED = {
    Kind.RECOMPUTED: "terms_since",
    Kind.BREACHED: "breached_at",
    Kind.MET: "met_at",
    Kind.CANCELLED: "cancelled_at",
}


def _stopped(runs: Sequence[Run], at: datetime) -> tuple[Run, ...]:
    """The runs up to `at`, which may be before the last of them."""
    kept = [(begins, at if ends is None else min(ends, at)) for begins, ends in runs if begins <= at]
    return tuple(kept)


def _resumed(runs: Sequence[Run], at: datetime) -> tuple[Run, ...]:
    begins, ends = runs[-1]
    return (*runs[:-1], (begins, None)) if ends == at else (*runs, (at, None))
