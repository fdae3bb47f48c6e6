"""Queues: where work waits for a team."""

from datetime import timedelta

from pydantic import Field

from antiphon.organisation.agent_policy import Units
from antiphon.organisation.membership import Members
from antiphon.organisation.overflow import Limit, Outside, OutsideHours
from antiphon.organisation.section import Duration, Section
from antiphon.organisation.step import Step

LONGEST_WAIT = timedelta(days=1)
HEAD_START = timedelta(minutes=1)


class ExtendOffer(Section):
    """How agents may extend an offer before it expires."""

    by: Duration = Field(timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(hours=1))
    """How much longer the agent then has."""
    times: int = Field(10, ge=1, le=100)
    """How often, for one offer. WCAG 2.2, criterion 2.2.1, asks for ten."""


class Queue(Section):
    """Where work waits for a team."""

    name: str
    """What people call it."""
    sla_policy: str
    """The SLA policy of its work, unless a rule names another."""
    members: Members = Members()
    """Who works for it, besides the agents who name it."""
    hours: str | None = Field(
        None, description="The calendar in whose open time work is offered. Default: always."
    )
    outside_hours: Outside = OutsideHours()
    """What happens to work while it is closed; `hold` keeps it waiting."""
    limit: Limit | None = None
    """The most that it takes. Default: no limit."""
    steps: list[Step] = Field(default=[], max_length=20)
    """How it relaxes what work requires while that waits."""
    units: Units | None = Field(
        None, description="The units of capacity that its work takes. Default: those of the channel."
    )
    offer_timeout: Duration = Field(timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(days=1))
    """How long an agent has to accept an offer."""
    extend_offer: ExtendOffer | None = None
    """Whether an agent may extend an offer, and how. Default: no."""
    auto_accept: bool = False
    """Whether offers of its work are accepted for the agent at once."""
    may_decline: bool | None = Field(None, description="Default: as the policy of all agents.")
    may_pick: bool = False
    """Whether its members may choose work from it."""
    wrap_up: Duration | None = Field(None, le=timedelta(days=1))
    """The pause of an agent after they completed its work. Default: none."""
    longest_wait: Duration = Field(
        LONGEST_WAIT,
        le=timedelta(days=365),
        description="Work that has waited this long goes before all that has not. It also counts as due then at the latest.",
    )
    head_start: Duration = Field(
        HEAD_START, le=timedelta(days=1), description="The waiting time that one point of priority is worth."
    )
