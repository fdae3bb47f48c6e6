"""The organisation's routing sections, checked as a whole: every complaint with its line and column."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field

from antiphon.organisation import ConfigurationError, Document, Fault, Organisation, Section, did_you_mean
from routing.domain.calendar import (
    WEEKDAYS,
    BeyondHorizonError,
    BusinessCalendar,
    parse_span,
    public_holidays,
)
from routing.domain.rules import Condition, RuleError

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
# Calendars reach three years ahead: a year less is reached from any day until they are built anew.
LONGEST_WAIT = timedelta(days=2 * 365)
_SAMPLE_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: object) -> timedelta:
    """`30s`, `15m`, `4h`, `2d`. Raises ValueError."""
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("must be a duration like 30s, 15m, 4h or 2d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ValueError("is longer than can be told") from error


Duration = Annotated[timedelta, BeforeValidator(duration)]
Level = Annotated[int, Field(ge=1, le=10)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class ExtraHoliday(Section):
    """A day off of the organisation's own."""

    date: date
    name: str


class Holidays(Section):
    """Days off of a country or region, and the organisation's own."""

    country: str | None = None
    subdivision: str | None = None
    extra: list[ExtraHoliday] = []


class Calendar(Section):
    """When time counts."""

    name: str
    time_zone: str
    hours: Literal["always"] | dict[Weekday, list[str]]
    holidays: Holidays = Holidays()

    def build(self, first: date) -> BusinessCalendar:
        """The calendar from `first` on. Raises ValueError for hours, a zone or a country that there are not."""
        if self.hours == "always":
            return BusinessCalendar(self.time_zone, None, set(), first)
        spans = {
            WEEKDAYS.index(day): [parse_span(text) for text in texts] for day, texts in self.hours.items()
        }
        closed = {extra.date for extra in self.holidays.extra}
        if self.holidays.country:
            years = range(first.year, first.year + 5)
            try:
                closed |= public_holidays(self.holidays.country, self.holidays.subdivision, years)
            except NotImplementedError as error:
                raise ValueError(f"no holidays are known for {self.holidays.country}") from error
        return BusinessCalendar(self.time_zone, spans, closed, first)


class Target(Section):
    """How soon, by which calendar."""

    within: Duration
    calendar: str


class SlaPolicy(Section):
    """What customers are promised."""

    name: str
    first_response: Target


class Queue(Section):
    """Where work waits for a team."""

    name: str
    sla_policy: str
    offer_timeout: Duration = Field(timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(days=1))


class Agent(Section):
    """A person who answers."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    queues: list[str]
    skills: dict[str, Level] = {}
    capacity: int = Field(3, ge=1, le=100)


class Then(Section):
    """What a rule does with the work."""

    queue: str
    priority: int = Field(50, ge=0, le=100)
    skills: dict[str, Level] = {}
    sla_policy: str | None = None


class Rule(Section):
    """When this, then that."""

    name: str
    when: str
    then: Then


class Configuration(Organisation):
    """All that routing decides by."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    calendars: dict[str, Calendar]
    sla_policies: dict[str, SlaPolicy]
    skills: dict[str, str] = {}
    queues: dict[str, Queue]
    agents: list[Agent] = []
    rules: list[Rule]

    @cached_property
    def conditions(self) -> list[tuple[str, Condition]]:
        """The rules' conditions, compiled, in order."""
        return [(rule.name, Condition(rule.when)) for rule in self.rules]

    @cached_property
    def agents_by_id(self) -> Mapping[str, Agent]:
        """Agents by their id."""
        return {agent.id: agent for agent in self.agents}


def read(source: str, name: str = "organisation") -> Configuration:
    """The configuration in a YAML text. Raises ConfigurationError with everything that is wrong, each at its place."""
    document = Document(source, name)
    configuration = document.read(Configuration)
    faults = [*_unknown_names(document, configuration), *_calendars(document, configuration)]
    faults += _rules(document, configuration)
    if faults:
        raise ConfigurationError(name, sorted(faults))
    return configuration


def _unknown_names(document: Document, c: Configuration) -> Iterable[Fault]:  # noqa: C901 - one line a reference
    def check(
        path: tuple[str | int, ...], kind: str, given: str | None, known: Mapping[str, Any]
    ) -> Iterable[Fault]:
        if given is not None and given not in known:
            yield document.fault(path, f"unknown {kind} {given!r}{did_you_mean(given, known)}")

    for key, policy in c.sla_policies.items():
        path = ("sla_policies", key, "first_response", "calendar")
        yield from check(path, "calendar", policy.first_response.calendar, c.calendars)
    for key, queue in c.queues.items():
        yield from check(("queues", key, "sla_policy"), "SLA policy", queue.sla_policy, c.sla_policies)
    seen: set[str] = set()
    for place, agent in enumerate(c.agents):
        if agent.id in seen:
            yield document.fault(("agents", place, "id"), f"a second agent {agent.id!r}")
        seen.add(agent.id)
        for at, given in enumerate(agent.queues):
            yield from check(("agents", place, "queues", at), "queue", given, c.queues)
        for skill in agent.skills:
            yield from check(("agents", place, "skills", skill), "skill", skill, c.skills)
    names: set[str] = set()
    for place, rule in enumerate(c.rules):
        if rule.name in names:
            yield document.fault(("rules", place, "name"), f"a second rule {rule.name!r}")
        names.add(rule.name)
        then = ("rules", place, "then")
        yield from check((*then, "queue"), "queue", rule.then.queue, c.queues)
        yield from check((*then, "sla_policy"), "SLA policy", rule.then.sla_policy, c.sla_policies)
        for skill in rule.then.skills:
            yield from check((*then, "skills", skill), "skill", skill, c.skills)


def _calendars(document: Document, c: Configuration) -> Iterable[Fault]:
    for key, calendar in c.calendars.items():
        try:
            ZoneInfo(calendar.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield document.fault(("calendars", key, "time_zone"), f"unknown time zone {calendar.time_zone!r}")
            continue
        spans = [] if calendar.hours == "always" else calendar.hours.items()
        wrong = list(_spans(document, key, spans))
        yield from wrong
        try:
            if not wrong:
                yield from _targets(document, c, key, calendar.build(_SAMPLE_DAY.date()))
        except ValueError as error:
            yield document.fault(("calendars", key, "holidays"), str(error))
    if not c.rules:
        yield document.fault(("rules",), "there must be a rule")


def _targets(document: Document, c: Configuration, key: str, calendar: BusinessCalendar) -> Iterable[Fault]:
    """Targets that a calendar never reaches: found here, not at every case that is queued."""
    for name, policy in c.sla_policies.items():
        target = policy.first_response
        if target.calendar != key:
            continue
        try:
            in_time = calendar.add(_SAMPLE_DAY, target.within) <= _SAMPLE_DAY + LONGEST_WAIT
        except (BeyondHorizonError, OverflowError):
            in_time = False
        if not in_time:
            told = f"must be over within {LONGEST_WAIT.days} days by the calendar {key!r}"
            yield document.fault(("sla_policies", name, "first_response", "within"), told)


def _spans(document: Document, key: str, days: Iterable[tuple[Weekday, list[str]]]) -> Iterable[Fault]:
    for day, texts in days:
        for place, text in enumerate(texts):
            try:
                parse_span(text)
            except ValueError as error:
                yield document.fault(("calendars", key, "hours", day, place), str(error))


def _rules(document: Document, c: Configuration) -> Iterable[Fault]:
    for place, rule in enumerate(c.rules):
        try:
            Condition(rule.when)
        except RuleError as error:
            at = document.fault(("rules", place, "when"), str(error))
            # Inside a one-line condition the column counts from where it begins in the file.
            line, column = (
                at.line + error.line - 1,
                at.column + error.column - 1 if error.line == 1 else error.column,
            )
            yield at._replace(line=line, column=column)
