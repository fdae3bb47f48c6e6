"""Capacity profiles: limits on how much work of a kind an agent has at once, or in a day, besides their capacity."""

from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from antiphon.organisation.section import Section

RELEASED, DAY_END = "released", "day-end"


class CapacityProfile(Section):
    """Work that meets all of its conditions counts against it; without conditions, all work counts."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    """The profile's id."""
    name: str
    """What people call it."""
    channels: list[str] | None = Field(None, min_length=1)
    """Only work of these channels counts. Default: all."""
    queues: list[str] | None = Field(None, min_length=1)
    """Only work of these queues counts. Default: all."""
    priority_from: int | None = Field(None, ge=0, le=100)
    """Only work of this priority or more counts. Default: any."""
    most: int = Field(ge=1, le=10_000, description="The limit of an agent who has no limit of their own.")
    until: Literal["released", "day-end"] = Field(
        "released",
        description="How long work counts: while the agent has it, or until the end of the day on which they completed it.",
    )
    time_zone: str | None = Field(
        None, description="The time zone of the day's end. Default: the organisation's."
    )

    def takes(self, channel: str, queue: str, priority: int) -> bool:
        """Whether such work counts against it."""
        return (
            (self.channels is None or channel in self.channels)
            and (self.queues is None or queue in self.queues)
            and (self.priority_from is None or priority >= self.priority_from)
        )

    def since(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Returns the beginning of the day since which completed work counts; None when it does not count.

        `zone` is the organisation's time zone.
        """
        if self.until == RELEASED:
            return None
        local = ZoneInfo(self.time_zone) if self.time_zone else zone
        return datetime.combine(now.astimezone(local).date(), time(), local)
