"""The policy for all agents: what they may do, the capacity that work takes, and when their presence is lost."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from antiphon.organisation.section import Duration, Section

WHOLE = 1000  # more units than any agent has: work that takes all of an agent's capacity


def _units(value: object) -> int:
    if value == "all":
        return WHOLE
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return value
    raise ValueError("must be a number of units from 0 to 100, or `all`")


def _shown(units: int) -> int | str:
    return "all" if units == WHOLE else units


Units = Annotated[
    int,
    BeforeValidator(_units, json_schema_input_type=Annotated[int, Field(ge=0, le=100)] | Literal["all"]),
    PlainSerializer(_shown, when_used="json"),
]


class LastAgent(Section):
    """The agent who answered a case last is preferred `within` a time; when they are busy, work waits for them up to a limit."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    within: Duration | None = Field(default=None, alias="for")
    """How long ago they may have answered. Default: however long."""
    wait_at_most: Duration = Field(default=timedelta(0), le=timedelta(days=1))
    """How long work waits for them when they are busy."""

    def of(self, last_agent: str | None, at: datetime | None, now: datetime) -> str | None:
        """Returns the agent to prefer: the last one, unless that was too long ago. A time of None counts as recent."""
        too_long = self.within is not None and at is not None and now - at > self.within
        return None if too_long else last_agent


class RampUp(Section):
    """An agent who was not routable for `away` gets at most `offers` in each `per` at first, for as long as it `lasts`."""

    away: Duration = Field(default=timedelta(hours=8), ge=timedelta(minutes=1), le=timedelta(days=365))
    """How long an agent was away before it applies."""
    offers: int = Field(default=1, ge=1, le=100)
    """The most offers in each `per`."""
    per: Duration = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1), le=timedelta(days=1))
    """The time in which the offers are counted."""
    lasts: Duration = Field(default=timedelta(minutes=30), ge=timedelta(seconds=1), le=timedelta(days=7))
    """How long it applies after they come back."""


class AgentsPolicy(Section):
    """The policy for all agents; a queue can override some of it."""

    missed_offers: int = Field(
        default=2,
        ge=1,
        le=100,
        description="After so many unanswered offers in a row an agent is `not-responding`.",
    )
    may_decline: bool = True
    """Whether agents may decline offers."""
    presence_lost_after: Duration = Field(
        # A browser wakes the desktop of a hidden tab once a minute.
        default=timedelta(minutes=2),
        ge=timedelta(seconds=1),
        le=timedelta(days=1),
    )
    """After how long without a sign of life an agent is `offline`."""
    prefer_last_agent: LastAgent = LastAgent()
    """For how long the agent who answered a case last is preferred."""
    ramp_up: RampUp | None = None
    """How an agent who comes back begins. Default: with all of their capacity."""
