"""SLA policies: what customers are promised, and what happens at a warning or a breach."""

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
"""Whom a consequence can notify, besides agents by their id: the agent who has the work, and supervisors."""


def _percent(value: object) -> int:
    text = str(value).strip()
    if text.endswith("%") and text[:-1].strip().isdecimal() and 1 <= (percent := int(text[:-1])) <= 99:
        return percent
    raise ValueError("must be a percentage of the time like 75%, from 1% to 99%")


Percent = Annotated[
    int,
    BeforeValidator(
        _percent,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\s*[1-9]\d?\s*%\s*$", examples=["75%"])],
    ),
]


class Target(Section):
    """A target: within how much open time of which calendar."""

    within: Duration
    calendar: str


class _Targets(Section):
    first_response: Target | None = None
    next_response: Target | None = None
    resolution: Target | None = None

    def of(self, target: SlaTarget) -> Target | None:
        """Returns the target of a kind; None when there is none."""
        own: Target | None = getattr(self, target.replace("-", "_"))
        return own


class Special(_Targets):
    """Targets for a channel, for work of a priority or more, or for both; they replace the policy's own."""

    channel: str | None = None
    priority: int | None = Field(default=None, ge=0, le=100, description="For work of this priority or more.")

    def applies(self, channel: str, priority: int) -> bool:
        """Whether it applies to such work."""
        return (self.channel is None or self.channel == channel) and (
            self.priority is None or priority >= self.priority
        )


class Consequence(Section):
    """What happens to the open work of a case at a warning or a breach of its clock."""

    labels: list[Label] = []
    priority: int | None = Field(
        default=None, ge=0, le=100, description="A lower priority is raised to this."
    )
    queue: str | None = Field(
        default=None, description="The queue that the work moves to if no agent has it."
    )
    notify: list[str] = Field(
        default=[],
        description="Who is notified: `agent` (who has the work), `supervisors`, or agents by their id.",
    )

    def audience(self, queue: str, agent_id: str | None) -> list[str]:
        """Returns who sees the change: the members of the work's queue, the agent who has it, and those of `notify`."""
        holder = [f"agent:{agent_id}"] if agent_id else []
        groups = {AGENT: holder, SUPERVISORS: [SUPERVISORS]}
        extra = [name for who in self.notify for name in groups.get(who, [f"agent:{who}"])]
        return list(dict.fromkeys([f"queue:{queue}", *holder, *extra]))


class SlaPolicy(_Targets):
    """What customers are promised. The first of `targets` that applies to the work and has the target counts."""

    name: str
    first_response: Target  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride] - every policy promises one
    targets: list[Special] = []
    warn_at: list[Percent] = []
    on_warning: Consequence = Consequence()
    on_breach: Consequence = Consequence()

    @field_validator("warn_at")
    @classmethod
    def _in_order(cls, percentages: list[int]) -> list[int]:
        return sorted(set(percentages))

    @property
    def calendars(self) -> set[str]:
        """The calendars that its targets are counted by."""
        targets = [section.of(kind) for section in (self, *self.targets) for kind in SlaTarget]
        return {target.calendar for target in targets if target is not None}

    def of_alarm(self, *, breached: bool) -> Consequence:
        """Returns what happens at a breach, or at a warning."""
        return self.on_breach if breached else self.on_warning

    def target(self, kind: SlaTarget, channel: str, priority: int) -> Target | None:
        """Returns the target of a kind for work of a channel and a priority; None when the policy has none."""
        for special in self.targets:
            if special.applies(channel, priority) and (target := special.of(kind)) is not None:
                return target
        return self.of(kind)


def terms(
    policies: Mapping[str, SlaPolicy], policy: str, kind: SlaTarget, channel: str, priority: int, version: int
) -> Terms | None:
    """Returns the terms of a clock of a kind; None when the policy has no such target."""
    target = policies[policy].target(kind, channel, priority)
    if target is None:
        return None
    return Terms(policy, target.calendar, target.within, tuple(policies[policy].warn_at), version)


def faults(
    document: Document,
    policies: Mapping[str, SlaPolicy],
    calendars: Mapping[str, Calendar],
    queues: Mapping[str, object],
    agents: Mapping[str, object],
) -> Iterable[Fault]:
    """Yields unknown calendars, channels, queues and people, and targets that a calendar does not reach in time."""
    channels = {channel.value: channel for channel in Channel}
    people = {AGENT: 0, SUPERVISORS: 0, **agents}
    for name, policy in policies.items():
        path: Place = ("sla_policies", name)
        yield from _targets(document, path, policy, calendars)
        for place, special in enumerate(policy.targets):
            at = (*path, "targets", place)
            yield from unknown(document, (*at, "channel"), "channel", special.channel, channels)
            yield from _targets(document, at, special, calendars)
            if special.channel is None and special.priority is None:
                yield document.fault(
                    at, "needs a channel or a priority: without them, set the policy's own targets"
                )
        for when, then in (("on_warning", policy.on_warning), ("on_breach", policy.on_breach)):
            yield from unknown(document, (*path, when, "queue"), "queue", then.queue, queues)
            for at, who in enumerate(then.notify):
                yield from unknown(document, (*path, when, "notify", at), "person", who, people)


def _targets(
    document: Document, path: Place, section: _Targets, calendars: Mapping[str, Calendar]
) -> Iterable[Fault]:
    for kind in SlaTarget:
        if (target := section.of(kind)) is None:
            continue
        at = (*path, kind.replace("-", "_"))
        yield from unknown(document, (*at, "calendar"), "calendar", target.calendar, calendars)
        calendar = calendars.get(target.calendar)
        if calendar is not None and not _in_time(calendar, target):
            message = f"must be over within {LONGEST_WAIT.days} days by the calendar {target.calendar!r}"
            yield document.fault((*at, "within"), message)


def _in_time(calendar: Calendar, target: Target) -> bool:
    try:
        return calendar.build().add(_SAMPLE_DAY, target.within) <= _SAMPLE_DAY + LONGEST_WAIT
    except (BeyondHorizonError, OverflowError):
        return False
    # An unknown zone or country, or wrong hours: the calendar's own faults report it.
    except (ValueError, KeyError, OSError, NotImplementedError):
        return True
