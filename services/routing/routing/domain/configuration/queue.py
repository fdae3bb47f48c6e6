"""Queues: where work waits for a team."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from pydantic import Field

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.agent_policy import Units
from routing.domain.configuration.calendar import Calendar
from routing.domain.configuration.membership import Members
from routing.domain.configuration.overflow import Limit, Outside, OutsideHours
from routing.domain.configuration.section import Duration, unknown
from routing.domain.configuration.sla_policy import SlaPolicy
from routing.domain.configuration.step import Step
from routing.domain.matching.queue_order import HEAD_START, LONGEST_WAIT


class Queue(Section):
    """Where work waits for a team."""

    name: str
    sla_policy: str
    members: Members = Members()
    hours: str | None = Field(
        None, description="The calendar in whose open time work is offered. Default: always."
    )
    outside_hours: Outside = OutsideHours()
    limit: Limit | None = None
    steps: list[Step] = Field(default=[], max_length=20)
    units: Units | None = Field(
        None, description="The units of capacity that its work takes. Default: those of the channel."
    )
    offer_timeout: Duration = Field(timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(days=1))
    auto_accept: bool = False
    may_decline: bool | None = Field(None, description="Default: as the policy of all agents.")
    may_pick: bool = False
    wrap_up: Duration | None = Field(None, le=timedelta(days=1))
    longest_wait: Duration = Field(
        LONGEST_WAIT,
        le=timedelta(days=365),
        description="Work that has waited this long goes before all that has not. It also counts as due then at the latest.",
    )
    head_start: Duration = Field(
        HEAD_START, le=timedelta(days=1), description="The waiting time that one point of priority is worth."
    )


def faults(
    document: Document,
    queues: Mapping[str, Queue],
    policies: Mapping[str, SlaPolicy],
    calendars: Mapping[str, Calendar],
) -> Iterable[Fault]:
    """Yields unknown SLA policies and calendars."""
    for key, queue in queues.items():
        yield from unknown(document, ("queues", key, "sla_policy"), "SLA policy", queue.sla_policy, policies)
        yield from unknown(document, ("queues", key, "hours"), "calendar", queue.hours, calendars)
