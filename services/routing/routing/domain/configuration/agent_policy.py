"""What agents may do, how much work counts, and what happens when they are silent."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from antiphon.contracts.interactions import Channel
from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.section import Duration, unknown

WHOLE = 1000  # units that nobody has: who takes such work is full


def _units(given: object) -> int:
    if given == "all":
        return WHOLE
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 100:
        return given
    raise ValueError("must be a number of units from 0 to 100, or `all`")


Units = Annotated[int, BeforeValidator(_units)]


class LastAgent(Section):
    """Who answered a customer's case last is preferred `within` a time, and waited for when busy, up to a limit."""

    model_config = ConfigDict(populate_by_name=True)

    within: Duration | None = Field(default=None, alias="for")
    wait_at_most: Duration = Field(default=timedelta(0), le=timedelta(days=1))

    def of(self, last_agent: str | None, at: datetime | None, now: datetime) -> str | None:
        """Whom to prefer: who answered last, unless that is too long ago. When it was may not be known."""
        too_long = self.within is not None and at is not None and now - at > self.within
        return None if too_long else last_agent


class RampUp(Section):
    """Who was in no routable presence for `away` is offered so many items `per` a time at first, as long as it `lasts`."""

    away: Duration = Field(default=timedelta(hours=8), ge=timedelta(minutes=1), le=timedelta(days=365))
    offers: int = Field(default=1, ge=1, le=100)
    per: Duration = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1), le=timedelta(days=1))
    lasts: Duration = Field(default=timedelta(minutes=30), ge=timedelta(seconds=1), le=timedelta(days=7))


class AgentsPolicy(Section):
    """What holds for all agents; a queue may say otherwise where it can."""

    missed_offers: int = Field(default=2, ge=1, le=100, description="Unanswered in a row: then unavailable.")
    may_decline: bool = True
    presence_lost_after: Duration = Field(
        default=timedelta(seconds=60), ge=timedelta(seconds=1), le=timedelta(days=1)
    )
    prefer_last_agent: LastAgent = LastAgent()
    ramp_up: RampUp | None = None


def faults(document: Document, channel_units: Mapping[str, int]) -> Iterable[Fault]:
    """Channels that there are not."""
    channels = {channel.value: channel for channel in Channel}
    for channel in channel_units:
        yield from unknown(document, ("channel_units", channel), "channel", channel, channels)
