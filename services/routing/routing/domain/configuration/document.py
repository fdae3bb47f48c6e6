"""The configuration: the organisation as routing decides by it, read from YAML and checked as a whole."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, PrivateAttr

from antiphon.contracts.envelope import MAX_EVENT_BYTES
from antiphon.organisation import stored
from antiphon.organisation.agent import Agent
from antiphon.organisation.document import ConfigurationError, Document, Fault
from antiphon.organisation.organisation import Organisation
from antiphon.organisation.person import Person
from antiphon.organisation.presence import PresenceKind
from antiphon.organisation.queue import Queue
from routing.domain.configuration import (
    agent_policy,
    calendar,
    capacity_profile,
    channels,
    membership,
    overflow,
    person,
    presence,
    queue,
    rule,
    sla_policy,
    step,
)
from routing.domain.configuration.roster import Roster, roster_at
from routing.domain.configuration.section import unknown
from routing.domain.rules.conditions import Condition
from routing.domain.time.business_calendar import BusinessCalendar

# Its event also has who published it and why, and headers.
MOST_BYTES = MAX_EVENT_BYTES - 50_000


class NoTimeError(Exception):
    """Agents are asked for in a configuration without a time: who is an agent depends on it. See `Configuration.at`."""


class Configuration(Organisation):
    """The configuration that routing decides by. `at` gives it a time, and with it the agents."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))
    _roster: Roster | None = PrivateAttr(None)

    def at(self, now: datetime) -> Self:
        """Returns the configuration with the agents of this time: itself, while these do not change."""
        if self._roster is not None and self._roster.covers(now):
            return self
        timed = self.model_copy()
        timed._roster = roster_at(self, self.business_calendars, now)  # noqa: SLF001 - its own class
        return timed

    @property
    def roster(self) -> Roster:
        """The agents at the time of `at`. Raises NoTimeError without one."""
        if self._roster is None:
            raise NoTimeError
        return self._roster

    @cached_property
    def conditions(self) -> list[tuple[str, Condition]]:
        """The name and compiled condition of each rule, in order."""
        return [(rule.name, Condition(rule.when)) for rule in self.rules]

    @cached_property
    def asked_later(self) -> int:
        """One bit for each rule, the lowest for the first: whether it is asked about later words."""
        return sum(1 << place for place, rule in enumerate(self.rules) if not rule.first_words_only)

    @cached_property
    def business_calendars(self) -> Mapping[str, BusinessCalendar]:
        """The calendars, ready to count by."""
        return {name: calendar.build(section) for name, section in self.calendars.items()}

    @cached_property
    def people_by_id(self) -> Mapping[str, Person]:
        """Everybody who is, was or will be on the staff, by id."""
        return {person.id: person for person in self.people}

    @property
    def agents_by_id(self) -> Mapping[str, Agent]:
        """The agents at the time of `at`, by id, each with all queues that they are a member of; also those who are away."""
        return self.roster.agents

    @property
    def members(self) -> Mapping[str, Sequence[Agent]]:
        """The agents of each queue that has some who are not away, at the time of `at`."""
        return self.roster.members

    @cached_property
    def presences_by_id(self) -> Mapping[str, PresenceKind]:
        """Presences by id; `not-responding` and `offline` are always among them."""
        return presence.complete(self.presences)

    @cached_property
    def routable(self) -> frozenset[str]:
        """The presences in which work may be offered."""
        return frozenset(kind.id for kind in self.presences if kind.routable)

    @property
    def fallback(self) -> str:
        """The queue of work that no rule matches, and of work whose queue was removed: `fallback_queue`, else the first queue."""
        return self.fallback_queue or next(iter(self.queues))

    @cached_property
    def steps_hashes(self) -> Mapping[str, str | None]:
        """By queue, a hash of its steps and of the calendar by which they count; None for a queue without steps."""
        return {key: self._steps_hash(queue) for key, queue in self.queues.items()}

    def _steps_hash(self, queue: Queue) -> str | None:
        if not queue.steps:
            return None
        steps = queue.model_dump_json(include={"steps", "hours"})
        open_time = self.calendars[queue.hours].model_dump_json() if queue.hours else ""
        return hashlib.sha256(f"{steps}{open_time}".encode()).hexdigest()[:16]

    def units(self, channel: str, queue: str | None = None) -> int:
        """Returns the units of capacity that work takes: those of its queue, else those of its channel."""
        own = self.queues[queue].units if queue in self.queues else None
        return self.channel_units.get(channel, 1) if own is None else own

    def profiles_of(self, channel: str, queue: str, priority: int) -> list[str]:
        """Returns the ids of the capacity profiles that such work counts against, in order."""
        return sorted(
            profile.id for profile in self.capacity_profiles if profile.takes(channel, queue, priority)
        )

    def days(self, now: datetime) -> dict[str, datetime]:
        """Returns the capacity profiles against which completed work counts, each with since when."""
        begins = {profile.id: profile.since(now, self.zone) for profile in self.capacity_profiles}
        return {profile: since for profile, since in begins.items() if since is not None}

    @cached_property
    def zero_unit(self) -> Sequence[tuple[str, str]]:
        """The channels and queues whose work takes no units of capacity: section and name."""
        return [
            *(("channel_units", channel) for channel, units in self.channel_units.items() if units == 0),
            *(("queues", key) for key, queue in self.queues.items() if queue.units == 0),
        ]

    def extensions_left(self, queue: str, used: int) -> int:
        """How often an offer of a queue may still be extended, which was extended `used` times."""
        extend = self.queues[queue].extend_offer if queue in self.queues else None
        return max(0, extend.times - used) if extend else 0

    def may_decline(self, queue: str) -> bool:
        """Whether agents may decline offers of a queue."""
        own = self.queues[queue].may_decline
        return self.agents_policy.may_decline if own is None else own


def read(source: str, name: str = "organisation", *, checked: bool = False) -> Configuration:
    """Reads the configuration in a YAML text. Raises ConfigurationError with all faults, each with its line and column.

    `checked`: the text was read before it was stored. Then the time that its conditions take is not measured again, because
    a slow moment would reject the active version.
    """
    document = Document(source, name)
    c = document.read(Configuration)
    faults = [
        *calendar.zone_faults(document, ("organisation", "time_zone"), c.organisation.time_zone),
        *channels.faults(document, c.channels, c.departments, c.organisation.domain),
        *calendar.faults(document, c.calendars),
        *sla_policy.faults(document, c.sla_policies, c.calendars, c.queues, c.people_by_id),
        *queue.faults(document, c.queues, c.sla_policies, c.calendars),
        *unknown(document, ("fallback_queue",), "queue", c.fallback_queue, c.queues),
        *step.faults(document, c.queues, c.skills),
        *overflow.faults(document, c.queues),
        *membership.faults(document, c.queues, c.people_by_id, c.skills),
        *person.faults(
            document, c.people, person.Names(c.departments, c.queues, c.skills, c.calendars), _zone(c)
        ),
        *rule.faults(
            document,
            c.rules,
            c.queues,
            c.sla_policies,
            c.skills,
            c.people_by_id,
            c.calendars,
            checked=checked,
        ),
        *agent_policy.faults(document, c.channel_units),
        *capacity_profile.faults(document, c.capacity_profiles, c.queues, [one.profiles for one in c.people]),
        *capacity_profile.unlimited(document, c.capacity_profiles, c.zero_unit),
        *presence.faults(document, c.presences),
        *(() if checked else _size_faults(document, c)),
    ]
    if faults:
        raise ConfigurationError(name, sorted(faults))
    return c


def _size_faults(document: Document, configuration: Configuration) -> Iterable[Fault]:
    size = len(stored.as_json(configuration))
    if size > MOST_BYTES:
        yield document.fault(
            (), f"has {size} bytes in its event, and may have {MOST_BYTES}: leave something out"
        )


def _zone(c: Configuration) -> ZoneInfo | None:
    try:
        return c.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def shape(source: str) -> Configuration:
    """Reads a configuration without checking its names and conditions, so it must not decide anything.

    Raises ConfigurationError when the text does not have the form of a configuration.
    """
    return Document(source).read(Configuration)
