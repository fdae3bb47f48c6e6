"""Service levels: what customers are promised, and what happens when that is in danger or broken."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from antiphon.contracts.interactions import Channel
from antiphon.contracts.work import SlaTarget
from antiphon.organisation.document import Document, Fault, Place, Section
from routing.domain.configuration.calendar import Calendar
from routing.domain.configuration.section import Duration, Label, unknown
from routing.domain.time.business_calendar import BeyondHorizonError
from routing.domain.time.sla_clock import Terms

LONGEST_WAIT = timedelta(days=2 * 365)
_SAMPLE_DAY = datetime(2026, 1, 1, tzinfo=UTC)
AGENT, SUPERVISORS = "agent", "supervisors"
"""Whom a consequence can tell beside agents by their id: who has the work, and those who oversee it."""


def _percent(given: object) -> int:
    text = str(given).strip()
    if text.endswith("%") and text[:-1].strip().isdecimal() and 1 <= (found := int(text[:-1])) <= 99:
        return found
    raise ValueError("must be a part of the time like 75%, from 1% to 99%")


Percent = Annotated[int, BeforeValidator(_percent)]


class Target(Section):
    """How soon, by which calendar."""

    within: Duration
    calendar: str


class _Targets(Section):
    first_response: Target | None = None
    next_response: Target | None = None
    resolution: Target | None = None

    def of(self, target: SlaTarget) -> Target | None:
        """The target of a kind, if there is one."""
        found: Target | None = getattr(self, target.replace("-", "_"))
        return found


class Special(_Targets):
    """Targets for a channel, for work of a priority or more, or for both: in place of the policy's own."""

    channel: str | None = None
    priority: int | None = Field(default=None, ge=0, le=100, description="For work of this priority or more.")

    def holds(self, channel: str, priority: int) -> bool:
        """Whether it is meant for this work."""
        return (self.channel is None or self.channel == channel) and (
            self.priority is None or priority >= self.priority
        )


class Consequence(Section):
    """What happens to the open work of a case whose clock warns or runs out."""

    labels: list[Label] = []
    priority: int | None = Field(default=None, ge=0, le=100, description="Raised to this, when it is less.")
    queue: str | None = Field(default=None, description="Where it goes when nobody has it yet.")
    notify: list[str] = Field(
        default=[], description="`agent` who has it, `supervisors`, or agents by their id."
    )

    def audience(self, queue: str, agent_id: str | None) -> list[str]:
        """Whom it concerns: those of the work's queue, who has it, and who is to be told."""
        has = [f"agent:{agent_id}"] if agent_id else []
        told = {AGENT: has, SUPERVISORS: [SUPERVISORS]}
        extra = [name for who in self.notify for name in told.get(who, [f"agent:{who}"])]
        return list(dict.fromkeys([f"queue:{queue}", *has, *extra]))


class SlaPolicy(_Targets):
    """What customers are promised. Of `targets` the first that fits the work and names the target counts."""

    name: str
    first_response: Target  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride] - every policy promises that
    targets: list[Special] = []
    warn_at: list[Percent] = []
    on_warning: Consequence = Consequence()
    on_breach: Consequence = Consequence()

    @field_validator("warn_at")
    @classmethod
    def _in_order(cls, given: list[int]) -> list[int]:
        return sorted(set(given))

    @property
    def calendars(self) -> set[str]:
        """The calendars that its targets are counted by."""
        found = [one.of(kind) for one in (self, *self.targets) for kind in SlaTarget]
        return {target.calendar for target in found if target is not None}

    def of_alarm(self, *, breached: bool) -> Consequence:
        """What happens at a breach, or at a warning."""
        return self.on_breach if breached else self.on_warning

    def target(self, kind: SlaTarget, channel: str, priority: int) -> Target | None:
        """What is promised of a kind for work of a channel and a priority; None when nothing is."""
        for one in self.targets:
            if one.holds(channel, priority) and (found := one.of(kind)) is not None:
                return found
        return self.of(kind)


def terms(
    policies: Mapping[str, SlaPolicy], policy: str, kind: SlaTarget, channel: str, priority: int, version: int
) -> Terms | None:
    """What a clock of a kind runs by; None when the policy promises nothing of the kind."""
    found = policies[policy].target(kind, channel, priority)
    if found is None:
        return None
    return Terms(policy, found.calendar, found.within, tuple(policies[policy].warn_at), version)


def faults(
    document: Document,
    policies: Mapping[str, SlaPolicy],
    calendars: Mapping[str, Calendar],
    queues: Mapping[str, object],
    agents: Mapping[str, object],
) -> Iterable[Fault]:
    """Unknown calendars, channels, queues and people, and targets that a calendar never reaches.

    They are found here, not at every case that is queued.
    """
    channels = {channel.value: channel for channel in Channel}
    people = {AGENT: 0, SUPERVISORS: 0, **agents}
    for name, policy in policies.items():
        path: Place = ("sla_policies", name)
        yield from _targets(document, path, policy, calendars)
        for place, one in enumerate(policy.targets):
            at = (*path, "targets", place)
            yield from unknown(document, (*at, "channel"), "channel", one.channel, channels)
            yield from _targets(document, at, one, calendars)
            if one.channel is None and one.priority is None:
                yield document.fault(at, "needs a channel or a priority, else it is the policy's own")
        for when, then in (("on_warning", policy.on_warning), ("on_breach", policy.on_breach)):
            yield from unknown(document, (*path, when, "queue"), "queue", then.queue, queues)
            for at, who in enumerate(then.notify):
                yield from unknown(document, (*path, when, "notify", at), "person", who, people)


def _targets(
    document: Document, path: Place, given: _Targets, calendars: Mapping[str, Calendar]
) -> Iterable[Fault]:
    for kind in SlaTarget:
        if (target := given.of(kind)) is None:
            continue
        at = (*path, kind.replace("-", "_"))
        yield from unknown(document, (*at, "calendar"), "calendar", target.calendar, calendars)
        calendar = calendars.get(target.calendar)
        if calendar is not None and not _in_time(calendar, target):
            told = f"must be over within {LONGEST_WAIT.days} days by the calendar {target.calendar!r}"
            yield document.fault((*at, "within"), told)


def _in_time(calendar: Calendar, target: Target) -> bool:
    try:
        return calendar.build().add(_SAMPLE_DAY, target.within) <= _SAMPLE_DAY + LONGEST_WAIT
    except (BeyondHorizonError, OverflowError):
        return False
    # A zone, hours or a country that there is not: the calendar's own fault.
    except (ValueError, KeyError, OSError, NotImplementedError):
        return True
