"""Capacity profiles: limits on how much work of a kind an agent has at once, or in a day, besides their capacity."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from antiphon.contracts.interactions import Channel
from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.calendar import zone_faults
from routing.domain.configuration.section import unknown

RELEASED, DAY_END = "released", "day-end"
CHANNELS = {channel.value: channel for channel in Channel}


class CapacityProfile(Section):
    """Work that meets all of its conditions counts against it; without conditions, all work counts."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    channels: list[str] | None = Field(None, min_length=1)
    queues: list[str] | None = Field(None, min_length=1)
    priority_from: int | None = Field(None, ge=0, le=100)
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


def faults(
    document: Document, profiles: Sequence[CapacityProfile], queues: Mapping[str, object], own: Sequence[Mapping[str, int]]
) -> Iterable[Fault]:  # fmt: skip
    """Yields unknown names, duplicate ids, and time zones without `day-end`; `own` are the agents' limits, in their order."""
    by_id: dict[str, CapacityProfile] = {}
    for place, profile in enumerate(profiles):
        path = ("capacity_profiles", place)
        if profile.id in by_id:
            yield document.fault((*path, "id"), f"a second capacity profile {profile.id!r}")
        by_id[profile.id] = profile
        for at, channel in enumerate(profile.channels or ()):
            yield from unknown(document, (*path, "channels", at), "channel", channel, CHANNELS)
        for at, queue in enumerate(profile.queues or ()):
            yield from unknown(document, (*path, "queues", at), "queue", queue, queues)
        if profile.time_zone is not None:
            yield from zone_faults(document, (*path, "time_zone"), profile.time_zone)
            if profile.until != DAY_END:
                yield document.fault((*path, "time_zone"), "is only used with `until: day-end`")
    for place, limits in enumerate(own):
        for name in limits:
            yield from unknown(document, ("agents", place, "profiles", name), "capacity profile", name, by_id)


def unlimited(
    document: Document, profiles: Sequence[CapacityProfile], zero_unit: Iterable[tuple[str, str]]
) -> Iterable[Fault]:
    """Yields work of no units that no profile limits: one agent could get all of it.

    `zero_unit` has its section (`channel_units` or `queues`) and its name.
    """
    for section, name in zero_unit:
        limited = (one.channels if section == "channel_units" else one.queues for one in profiles)
        if not any(named is None or name in named for named in limited):
            path = (section, name) if section == "channel_units" else (section, name, "units")
            yield document.fault(path, "takes no units of capacity, so a capacity profile must limit it")
