"""The organisation's routing sections, checked as a whole: every complaint with its line and column."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from antiphon.organisation.document import ConfigurationError, Document, Organisation
from routing.domain.configuration import (
    agent,
    agent_policy,
    calendar,
    capacity_profile,
    membership,
    overflow,
    presence,
    queue,
    rule,
    sla_policy,
    step,
)
from routing.domain.configuration.agent import Agent
from routing.domain.configuration.agent_policy import AgentsPolicy, Units
from routing.domain.configuration.calendar import Calendar
from routing.domain.configuration.capacity_profile import CapacityProfile
from routing.domain.configuration.presence import USUAL, PresenceKind
from routing.domain.configuration.publishing import PublishingPolicy
from routing.domain.configuration.queue import Queue
from routing.domain.configuration.rule import Rule
from routing.domain.configuration.section import unknown
from routing.domain.configuration.sla_policy import SlaPolicy
from routing.domain.rules.conditions import Condition


class Configuration(Organisation):
    """All that routing decides by."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    calendars: dict[str, Calendar]
    sla_policies: dict[str, SlaPolicy]
    skills: dict[str, str] = {}
    queues: dict[str, Queue] = Field(min_length=1)
    fallback_queue: str | None = None
    agents: list[Agent] = []
    channel_units: dict[str, Units] = {}
    capacity_profiles: list[CapacityProfile] = []
    presences: list[PresenceKind] = USUAL
    agents_policy: AgentsPolicy = AgentsPolicy()
    publishing: PublishingPolicy = PublishingPolicy()
    rules: list[Rule]

    @cached_property
    def conditions(self) -> list[tuple[str, Condition]]:
        """The rules' conditions, compiled, in order."""
        return [(rule.name, Condition(rule.when)) for rule in self.rules]

    @cached_property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone."""
        return ZoneInfo(self.organisation.time_zone)

    @cached_property
    def agents_by_id(self) -> Mapping[str, Agent]:
        """Agents by their id, each with all queues that they work for: those they name, and those that name them."""
        return {
            agent.id: agent.model_copy(
                update={"queues": membership.queues_of(agent.id, agent.queues, agent.skills, self.queues)}
            )
            for agent in self.agents
        }

    @cached_property
    def members(self) -> Mapping[str, Sequence[Agent]]:
        """The agents of each queue that has some."""
        found: dict[str, list[Agent]] = {}
        for one in self.agents_by_id.values():
            for name in one.queues:
                found.setdefault(name, []).append(one)
        return found

    @cached_property
    def presences_by_id(self) -> Mapping[str, PresenceKind]:
        """How an agent can stand, by id; `not-responding` and `offline` are always there."""
        return presence.complete(self.presences)

    @cached_property
    def routable(self) -> frozenset[str]:
        """The presences in which work may be offered."""
        return frozenset(kind.id for kind in self.presences if kind.routable)

    @property
    def fallback(self) -> str:
        """Where work waits that no rule catches, and work whose queue there is no more: unless named, the first queue."""
        return self.fallback_queue or next(iter(self.queues))

    @cached_property
    def steps_hashes(self) -> Mapping[str, str | None]:
        """By queue, what its steps and the time by which they count are known by; None without steps."""
        return {key: self._steps_hash(queue) for key, queue in self.queues.items()}

    def _steps_hash(self, queue: Queue) -> str | None:
        if not queue.steps:
            return None
        said = queue.model_dump_json(include={"steps", "hours"})
        counts = self.calendars[queue.hours].model_dump_json() if queue.hours else ""
        return hashlib.sha256(f"{said}{counts}".encode()).hexdigest()[:16]

    def units(self, channel: str, queue: str | None = None) -> int:
        """The units of capacity that work from a channel takes, as its queue says or the channel."""
        own = self.queues[queue].units if queue in self.queues else None
        return self.channel_units.get(channel, 1) if own is None else own

    def profiles_of(self, channel: str, queue: str, priority: int) -> list[str]:
        """The capacity profiles that such work counts against, by id."""
        return sorted(one.id for one in self.capacity_profiles if one.takes(channel, queue, priority))

    def days(self, now: datetime) -> dict[str, datetime]:
        """Profiles against which completed work counts, and since when."""
        found = {one.id: one.since(now, self.zone) for one in self.capacity_profiles}
        return {profile: since for profile, since in found.items() if since is not None}

    @cached_property
    def zero_unit(self) -> Sequence[tuple[str, str]]:
        """What makes work take no units of capacity: section and name."""
        return [
            *(("channel_units", channel) for channel, units in self.channel_units.items() if units == 0),
            *(("queues", key) for key, queue in self.queues.items() if queue.units == 0),
        ]

    def may_decline(self, queue: str) -> bool:
        """Whether offers of a queue may be declined."""
        told = self.queues[queue].may_decline
        return self.agents_policy.may_decline if told is None else told


def read(source: str, name: str = "organisation", *, checked: bool = False) -> Configuration:
    """The configuration in a YAML text. Raises ConfigurationError with everything that is wrong, each at its place.

    `checked`: it was, before it was kept. Then how long its conditions take is not measured again, since a slow moment
    would refuse what is active.
    """
    document = Document(source, name)
    c = document.read(Configuration)
    faults = [
        *calendar.zone_faults(document, ("organisation", "time_zone"), c.organisation.time_zone),
        *calendar.faults(document, c.calendars),
        *sla_policy.faults(document, c.sla_policies, c.calendars, c.queues, c.agents_by_id),
        *queue.faults(document, c.queues, c.sla_policies, c.calendars),
        *unknown(document, ("fallback_queue",), "queue", c.fallback_queue, c.queues),
        *step.faults(document, c.queues, c.skills),
        *overflow.faults(document, c.queues),
        *membership.faults(document, c.queues, c.agents_by_id, c.skills),
        *agent.faults(document, c.agents, c.queues, c.skills),
        *rule.faults(
            document,
            c.rules,
            c.queues,
            c.sla_policies,
            c.skills,
            c.agents_by_id,
            c.calendars,
            checked=checked,
        ),
        *agent_policy.faults(document, c.channel_units),
        *capacity_profile.faults(
            document, c.capacity_profiles, c.queues, [agent.profiles for agent in c.agents]
        ),
        *capacity_profile.unlimited(document, c.capacity_profiles, c.zero_unit),
        *presence.faults(document, c.presences),
    ]
    if faults:
        raise ConfigurationError(name, sorted(faults))
    return c


def shape(source: str) -> Configuration:
    """A configuration as it is written, whether or not its names and conditions are right; not to decide by.

    Raises ConfigurationError when it has not the form of one.
    """
    return Document(source).read(Configuration)
