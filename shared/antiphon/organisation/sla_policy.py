"""SLA policies: what customers are promised, and what happens at a warning or a breach."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator

from antiphon.organisation.section import Duration, Label, Section

AGENT, SUPERVISORS = "agent", "supervisors"
"""Whom a consequence can notify, besides agents by their id: the agent who has the work, and supervisors."""


def _percent(value: object) -> int:
    text = str(value).strip()
    if text.endswith("%") and text[:-1].strip().isdecimal() and 1 <= (percent := int(text[:-1])) <= 99:
        return percent
    raise ValueError("must be a percentage of the time like 75%, from 1% to 99%")


def _shown(percent: int) -> str:
    return f"{percent}%"


Percent = Annotated[
    int,
    BeforeValidator(
        _percent,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\s*[1-9]\d?\s*%\s*$", examples=["75%"])],
    ),
    PlainSerializer(_shown, when_used="json"),
]


KINDS = ("first-response", "next-response", "resolution")


class Target(Section):
    """A target: within how much open time of which calendar."""

    within: Duration
    """The open time within which it is met."""
    calendar: str
    """The calendar by which that time counts."""


class Targets(Section):
    """What can be promised: a first response, each next response, a resolution."""

    first_response: Target | None = None
    """The first answer to a case."""
    next_response: Target | None = None
    """Each later answer."""
    resolution: Target | None = None
    """The end of the case."""

    def of(self, target: str) -> Target | None:
        """Returns the target of a kind; None when there is none."""
        own: Target | None = getattr(self, target.replace("-", "_"))
        return own


class Special(Targets):
    """Targets for a channel, for work of a priority or more, or for both; they replace the policy's own."""

    channel: str | None = None
    """For work of this channel. Default: any."""
    priority: int | None = Field(default=None, ge=0, le=100, description="For work of this priority or more.")

    def applies(self, channel: str, priority: int) -> bool:
        """Whether it applies to such work."""
        return (self.channel is None or self.channel == channel) and (
            self.priority is None or priority >= self.priority
        )


class Consequence(Section):
    """What happens to the open work of a case at a warning or a breach of its clock."""

    labels: list[Label] = []
    """Labels that the work gets."""
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


class SlaPolicy(Targets):
    """What customers are promised. The first of `targets` that applies to the work and has the target counts."""

    name: str
    """What people call it."""
    first_response: Target  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride] - every policy promises one
    """The first answer to a case."""
    targets: list[Special] = []
    """Other targets for some channels or priorities."""
    warn_at: list[Percent] = []
    """At which parts of the time a warning is given, e.g. `75%`."""
    on_warning: Consequence = Consequence()
    """What a warning does."""
    on_breach: Consequence = Consequence()
    """What a breach does."""

    @field_validator("warn_at")
    @classmethod
    def _in_order(cls, percentages: list[int]) -> list[int]:
        return sorted(set(percentages))

    @property
    def calendars(self) -> set[str]:
        """The calendars that its targets are counted by."""
        targets = [section.of(kind) for section in (self, *self.targets) for kind in KINDS]
        return {target.calendar for target in targets if target is not None}

    def of_alarm(self, *, breached: bool) -> Consequence:
        """Returns what happens at a breach, or at a warning."""
        return self.on_breach if breached else self.on_warning

    def target(self, kind: str, channel: str, priority: int) -> Target | None:
        """Returns the target of a kind for work of a channel and a priority; None when the policy has none."""
        for special in self.targets:
            if special.applies(channel, priority) and (target := special.of(kind)) is not None:
                return target
        return self.of(kind)
