from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.time import sla_clock
from routing.domain.time.business_calendar import BusinessCalendar, Span
from routing.domain.time.sla_clock import Clock, Entry, Kind, Terms

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
ALWAYS = BusinessCalendar("UTC", None)
HOUR = timedelta(hours=1)


def terms(hours: float, *warn_at: int, policy: str = "p", version: int = 1) -> Terms:
    return Terms(policy, "c", timedelta(hours=hours), warn_at, version)


def started(hours: float = 4, *warn_at: int) -> Clock:
    return sla_clock.start(T0, terms(hours, *warn_at), ALWAYS, "the customer wrote")[0]


def kinds(entries: list[Entry]) -> list[str]:
    return [entry.kind.value for entry in entries]


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def test_a_pause_moves_the_due_time_by_as_much_as_it_lasts() -> None:
    clock, _ = sla_clock.pause(started(4), at(1), "the customer is awaited")
    assert sla_clock.next_at(clock, ALWAYS) is None
    clock, _ = sla_clock.resume(clock, at(73), ALWAYS, "the customer spoke")
    assert clock.due_at == at(76)


def test_17_three_paused_days_before_a_resolution_do_not_count() -> None:
    clock, _ = sla_clock.pause(started(4), at(3), "the customer is awaited")
    clock, entries = sla_clock.meet(clock, at(75), "resolved")
    assert (kinds(entries), clock.breached_at) == (["met"], None)


def test_an_undone_pause_leaves_the_due_time_unchanged() -> None:
    clock, _ = sla_clock.pause(started(4), at(1), "an answer was written")
    clock, _ = sla_clock.resume(clock, at(1), ALWAYS, "it could not be sent")
    assert (clock.due_at, clock.runs) == (at(4), ((T0, None),))


@pytest.mark.parametrize(
    ("stops", "expected", "breached"),
    [(3.999, ["paused"], None), (4.0, ["paused"], None), (4.001, ["breached", "paused"], at(4))],
)
def test_a_pause_at_the_due_time_is_in_time_and_a_later_one_records_the_breach(
    stops: float, expected: list[str], breached: datetime | None
) -> None:
    clock, entries = sla_clock.pause(started(4), at(stops), "the customer is awaited")
    assert (kinds(entries), clock.breached_at) == (expected, breached)


def test_a_clock_paused_at_its_due_time_is_breached_when_it_resumes() -> None:
    clock, _ = sla_clock.pause(started(4), at(4), "the customer is awaited")
    assert sla_clock.fire(clock, at(9), ALWAYS) == (clock, [])
    clock, _ = sla_clock.resume(clock, at(10), ALWAYS, "the customer spoke")
    clock, entries = sla_clock.fire(clock, at(10), ALWAYS)
    assert (kinds(entries), clock.breached_at) == (["breached"], at(10))


def test_a_clock_with_no_time_left_that_resumes_while_closed_is_due_at_once() -> None:
    shop = CALENDARS["lunch"]
    clock, _ = sla_clock.start(T0, terms(1 / 60), shop, "the customer wrote")
    clock, _ = sla_clock.pause(clock, at(1 / 60), "w")
    clock, _ = sla_clock.resume(clock, at(25 / 60), shop, "s")
    assert sla_clock.next_at(clock, shop) == at(25 / 60)


def test_a_clock_that_pauses_at_the_instant_it_resumed_did_not_run() -> None:
    clock, _ = sla_clock.pause(started(2), at(2), "w")
    clock, _ = sla_clock.resume(clock, at(3), ALWAYS, "s")
    clock, _ = sla_clock.pause(clock, at(3), "w")
    assert sla_clock.next_at(clock, ALWAYS) is None


def test_a_late_event_of_an_answer_in_time_clears_the_breach() -> None:
    clock, _ = sla_clock.fire(started(4), at(5), ALWAYS)
    assert clock.breached_at == at(4)
    late, entries = sla_clock.meet(clock, at(4.5), "answered")
    assert (kinds(entries), late.breached_at) == (["met"], at(4))
    in_time, entries = sla_clock.meet(clock, at(3.5), "answered")
    assert (kinds(entries), in_time.breached_at) == (["cleared", "met"], None)


def test_18_two_changes_of_terms_recompute_from_the_start_and_breach_once() -> None:
    clock = started(10, 75, 90)
    clock, entries = sla_clock.fire(clock, at(8), ALWAYS)
    assert [(e.kind, e.percent) for e in entries] == [(Kind.WARNED, 75)]
    clock, entries = sla_clock.recompute(clock, terms(2, 75, 90), ALWAYS, at(8), "more urgent")
    assert [(e.before, e.after) for e in entries] == [(at(10), at(2))]
    clock, entries = sla_clock.fire(clock, at(8), ALWAYS)
    # The terms of two hours apply from the change, so they can't be breached before it.
    assert (kinds(entries), clock.breached_at) == (["breached"], at(8))
    clock, entries = sla_clock.recompute(clock, terms(10, 75, 90), ALWAYS, at(8.5), "less urgent")
    assert [(e.before, e.after) for e in entries] == [(at(2), at(10))]
    assert clock.warned == (75,)
    clock, entries = sla_clock.fire(clock, at(9), ALWAYS)
    assert [(e.kind, e.percent) for e in entries] == [(Kind.WARNED, 90)]
    clock, entries = sla_clock.fire(clock, at(20), ALWAYS)
    assert entries == []
    assert sla_clock.next_at(clock, ALWAYS) is None


def test_new_terms_keep_the_pauses() -> None:
    # glpi 6902: a rule that changed the policy lost the paused time.
    clock, _ = sla_clock.pause(started(4), at(1), "w")
    clock, _ = sla_clock.resume(clock, at(25), ALWAYS, "s")
    clock, _ = sla_clock.recompute(clock, terms(6, policy="other"), ALWAYS, at(26), "a rule")
    assert clock.due_at == at(30)


def test_equal_terms_of_another_version_add_no_entry() -> None:
    clock = started(4)
    assert sla_clock.recompute(clock, terms(4, version=9), ALWAYS, at(1), "version 9") == (clock, [])


def test_shorter_terms_during_a_pause_breach_only_when_the_clock_runs_again() -> None:
    clock, _ = sla_clock.pause(started(4), at(3), "w")
    clock, entries = sla_clock.recompute(clock, terms(1), ALWAYS, at(5), "more urgent")
    assert kinds(entries) == ["recomputed"]
    assert sla_clock.next_at(clock, ALWAYS) is None
    clock, _ = sla_clock.resume(clock, at(9), ALWAYS, "s")
    clock, entries = sla_clock.fire(clock, at(9), ALWAYS)
    assert (clock.breached_at, clock.due_at) == (at(9), at(1))


def test_of_several_warnings_passed_at_once_only_the_last_is_recorded() -> None:
    clock, entries = sla_clock.fire(started(4, 25, 50, 75), at(3.5), ALWAYS)
    assert [(e.percent, e.at) for e in entries] == [(75, at(3))]
    assert clock.warned == (25, 50, 75)


def test_no_operation_changes_a_clock_that_has_ended() -> None:
    for end in (sla_clock.meet, sla_clock.cancel):
        clock, _ = end(started(4), at(1), "e")
        assert sla_clock.next_at(clock, ALWAYS) is None
        for again in (
            sla_clock.pause(clock, at(2), "p"), sla_clock.resume(clock, at(2), ALWAYS, "r"),
            sla_clock.recompute(clock, terms(1), ALWAYS, at(2), "c"), sla_clock.fire(clock, at(99), ALWAYS),
            sla_clock.meet(clock, at(2), "m"), sla_clock.cancel(clock, at(2), "c"),
        ):  # fmt: skip
            assert again == (clock, [])


# The oracle below steps by seconds, and shares nothing with the bisection and intervals of the code.
LUNCH: dict[int, list[Span]] = {0: [(time(9), time(9, 20)), (time(9, 30), time(9, 50)), (time(10), time(12))]}
CALENDARS = {"always": ALWAYS, "lunch": BusinessCalendar("UTC", LUNCH)}


class Step(NamedTuple):
    what: str
    after: int
    within: int = 0
    calendar: str = "always"


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(["pause", "resume", "undo", "recompute", "fire"]),
        st.integers(0, 900),
        st.integers(1, 3000),
        st.sampled_from(sorted(CALENDARS)),
    ),
    max_size=12,
)


class Oracle:
    """A clock that looks at every second."""

    def __init__(self, within: int, calendar: str) -> None:
        self.ran: list[bool] = []  # whether it ran in each second since the start
        self.within, self.calendar, self.since = within, calendar, 0
        self.breached: int | None = None
        self.running = True
        self.stopped = 0  # when it was paused last

    def pass_to(self, second: int) -> None:
        while len(self.ran) < second:
            self.ran.append(self.running)

    def moment(self, until: int, percent: int = 100) -> int | None:
        """The first second up to `until` in which it runs, with the time used up and these terms active."""
        calendar, used = CALENDARS[self.calendar], 0.0
        wanted = self.within * percent / 100
        runs = [*self.ran, *([self.running] * (until + 1 - len(self.ran)))]
        for second, ran in enumerate(runs):
            if ran and used >= wanted and second >= self.since:
                return second
            used += ran and calendar.is_open(T0 + timedelta(seconds=second))
        return None

    def used(self) -> int:
        """Seconds of these terms' calendar in which it ran."""
        calendar = CALENDARS[self.calendar]
        return sum(ran and calendar.is_open(T0 + timedelta(seconds=n)) for n, ran in enumerate(self.ran))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3000), st.sampled_from(sorted(CALENDARS)), steps)
def test_breaches_and_warnings_equal_an_oracle_that_steps_by_seconds(
    within: int, calendar: str, given_steps: list[Step]
) -> None:
    ends = 12_000
    wanted = Terms("p", calendar, timedelta(seconds=within), (50,), 1)
    clock, ledger = sla_clock.start(T0, wanted, CALENDARS[calendar], "the customer wrote")
    oracle, now = Oracle(within, calendar), 0
    for step in [*given_steps, Step("resume", 0), Step("fire", ends)]:
        # Timers fire in time: what is due before the next step has fired before it.
        clock, entries = _fired(clock, T0 + timedelta(seconds=now + step.after), ledger)
        now += step.after
        _expect(oracle, now, clock)
        clock, entries = _done(clock, step, now)
        ledger += entries
        _follow(oracle, step, now)
        assert sla_clock.fold(ledger) == clock
    assert sum(entry.kind is Kind.BREACHED for entry in ledger) <= 1 + sum(
        e.kind is Kind.CLEARED for e in ledger
    )


def _fired(clock: Clock, until: datetime, ledger: list[Entry]) -> tuple[Clock, list[Entry]]:
    calendar = CALENDARS[clock.terms.calendar]
    while (moment := sla_clock.next_at(clock, calendar)) is not None and moment <= until:
        clock, entries = sla_clock.fire(clock, moment, calendar)
        assert entries
        ledger += entries
    return clock, ledger


def _done(clock: Clock, step: Step, now: int) -> sla_clock.Change:
    moment = T0 + timedelta(seconds=now)
    calendar = CALENDARS[clock.terms.calendar]
    match step.what:
        case "pause":
            return sla_clock.pause(clock, moment, "w")
        case "resume":
            return sla_clock.resume(clock, moment, calendar, "s")
        case "undo":
            return sla_clock.resume(clock, clock.paused_since or moment, calendar, "u")
        case "recompute":
            other = Terms("p", step.calendar, timedelta(seconds=step.within), (50,), 2)
            return sla_clock.recompute(clock, other, CALENDARS[step.calendar], moment, "c")
        case _:
            return clock, []


def _follow(oracle: Oracle, step: Step, now: int) -> None:
    oracle.pass_to(now)
    match step.what:
        case "pause":
            # A clock that stops in the very second in which it is due is in time.
            if oracle.running and oracle.breached == now:
                oracle.breached = None
            if oracle.running:
                oracle.stopped = now
            oracle.running = False
        case "resume":
            oracle.running = True
        case "undo" if not oracle.running:
            oracle.ran[oracle.stopped :] = [True] * (now - oracle.stopped)
            oracle.running = True
        # Equal terms change nothing.
        case "recompute" if (step.within, step.calendar) != (oracle.within, oracle.calendar):
            oracle.within, oracle.calendar, oracle.since = step.within, step.calendar, now
        case _:
            pass


def _expect(oracle: Oracle, now: int, clock: Clock) -> None:
    if oracle.breached is None:
        oracle.breached = oracle.moment(now)
    breached_after = None if clock.breached_at is None else (clock.breached_at - T0).total_seconds()
    assert breached_after == oracle.breached, (breached_after, oracle.breached)
    oracle.pass_to(now)
    if oracle.moment(now, 50) is not None:
        assert 50 in clock.warned
    if 50 in clock.warned:
        assert oracle.used() >= oracle.within / 2
