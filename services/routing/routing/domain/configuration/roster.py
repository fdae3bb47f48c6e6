"""The roster: who is an agent at a time, of which queues, and who of them is away. It holds until the next change."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from antiphon.organisation.agent import Agent, Away, AwayKind
from antiphon.organisation.organisation import Organisation
from antiphon.organisation.period import instant
from antiphon.organisation.person import Person, absent_until, is_absent, next_change, queues_of
from routing.domain.time.business_calendar import BusinessCalendar


class Roster(NamedTuple):
    """The agents by id and by queue, as they are from `since` until `until` (None: for ever).

    `agents` has those who are away too. `members` has the agents of each queue that has some, without those who are away.
    """

    since: datetime
    until: datetime | None
    agents: Mapping[str, Agent]
    members: Mapping[str, Sequence[Agent]]

    def covers(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.since <= at and (self.until is None or at < self.until)


def roster_at(organisation: Organisation, calendars: Mapping[str, BusinessCalendar], now: datetime) -> Roster:
    """Returns the roster at a time. Who is a member of a queue is an agent; `calendars` are the organisation's."""
    agents: dict[str, Agent] = {}
    members: dict[str, list[Agent]] = {}
    for person in organisation.people:
        queues = queues_of(person, organisation, now)
        if not queues:
            continue
        agent = agents[person.id] = Agent.of(person, queues, away(person, organisation, calendars, now))
        for queue in queues if agent.away is None else ():
            members.setdefault(queue, []).append(agent)
    shifts = sorted({person.shifts for person in organisation.people if person.shifts is not None})
    changes = [
        next_change(organisation.people, organisation, now),
        *(calendars[shift].next_change(now) for shift in shifts),
    ]
    until = min((change for change in changes if change is not None), default=None)
    return Roster(now, until, agents, members)


def away(
    person: Person, organisation: Organisation, calendars: Mapping[str, BusinessCalendar], now: datetime
) -> Away | None:
    """Returns why a person is away at a time, and until when; None when they are not."""
    if is_absent(person, organisation, now):
        kind, until = AwayKind.ABSENT, absent_until(person, organisation, now)
    elif person.shifts is not None and not calendars[person.shifts].is_open(now):
        kind, until = AwayKind.OUTSIDE_SHIFT, calendars[person.shifts].next_change(now)
    else:
        return None
    return Away.of(kind, until, organisation.zone)


def why_no_agent(organisation: Organisation, person_id: str, now: datetime) -> str:
    """Returns why somebody who is not an agent at a time is none, in words for people."""
    person = next((person for person in organisation.people if person.id == person_id), None)
    if person is None:
        return f"{person_id!r} is not an agent of this organisation."
    zone = organisation.zone
    if person.since is not None and now < instant(person.since, zone):
        return f"{person.name} begins at {_local(person.since, zone)}."
    if person.until is not None and now >= instant(person.until, zone):
        return f"{person.name} left at {_local(person.until, zone)}."
    return f"{person.name} is a member of no queue."


def _local(moment: date, zone: ZoneInfo) -> str:
    return f"{instant(moment, zone).astimezone(zone):%Y-%m-%d %H:%M}"
