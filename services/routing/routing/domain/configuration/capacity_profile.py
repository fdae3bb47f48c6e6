"""Capacity profiles: how much of which work an agent has at once, or in a day, besides the units of their capacity."""

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
    """Work that meets all of its conditions counts against it; without conditions, all work does."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    channels: list[str] | None = Field(None, min_length=1)
    queues: list[str] | None = Field(None, min_length=1)
    priority_from: int | None = Field(None, ge=0, le=100)
    most: int = Field(ge=1, le=10_000, description="Of an agent who has no limit of their own.")
    until: Literal["released", "day-end"] = Field(
        "released",
        description="How long work counts: while they have it; what they completed, until the day ends.",
    )
    time_zone: str | None = Field(None, description="Whose day ends; the organisation's.")

    def takes(self, channel: str, queue: str, priority: int) -> bool:
        """Whether such work counts against it."""
        return (
            (self.channels is None or channel in self.channels)
            and (self.queues is None or queue in self.queues)
            and (self.priority_from is None or priority >= self.priority_from)
        )

    def since(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the day began since which completed work counts, `zone` being the organisation's; None: it does not."""
        if self.until == RELEASED:
            return None
        local = ZoneInfo(self.time_zone) if self.time_zone else zone
        return datetime.combine(now.astimezone(local).date(), time(), local)


def faults(
    document: Document, profiles: Sequence[CapacityProfile], queues: Mapping[str, object], own: Sequence[Mapping[str, int]]
) -> Iterable[Fault]:  # fmt: skip
    """Unknown names, second profiles of an id, time zones of no day; `own` are the agents' limits, in their order."""
    known: dict[str, CapacityProfile] = {}
    for place, profile in enumerate(profiles):
        path = ("capacity_profiles", place)
        if profile.id in known:
            yield document.fault((*path, "id"), f"a second capacity profile {profile.id!r}")
        known[profile.id] = profile
        for at, channel in enumerate(profile.channels or ()):
            yield from unknown(document, (*path, "channels", at), "channel", channel, CHANNELS)
        for at, queue in enumerate(profile.queues or ()):
            yield from unknown(document, (*path, "queues", at), "queue", queue, queues)
        if profile.time_zone is not None:
            yield from zone_faults(document, (*path, "time_zone"), profile.time_zone)
            if profile.until != DAY_END:
                yield document.fault((*path, "time_zone"), "is only asked for with `until: day-end`")
    for place, limits in enumerate(own):
        for name in limits:
            yield from unknown(document, ("agents", place, "profiles", name), "capacity profile", name, known)


def unlimited(
    document: Document, profiles: Sequence[CapacityProfile], zero_unit: Iterable[tuple[str, str]]
) -> Iterable[Fault]:
    """What takes no units, by section (`channel_units` or `queues`) and name, and is in no profile: all of it would go to one."""
    for section, name in zero_unit:
        limited = (one.channels if section == "channel_units" else one.queues for one in profiles)
        if not any(named is None or name in named for named in limited):
            told = "takes nothing of an agent's capacity, so a capacity profile must limit it"
            yield document.fault(
                (section, name) if section == "channel_units" else (section, name, "units"), told
            )
