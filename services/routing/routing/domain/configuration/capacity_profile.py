"""What can be wrong with capacity profiles: unknown names, and work that nothing limits."""

from collections.abc import Iterable, Mapping, Sequence

from antiphon.contracts.interactions import Channel
from antiphon.organisation.capacity_profile import DAY_END, CapacityProfile
from antiphon.organisation.document import Document, Fault
from routing.domain.configuration.calendar import zone_faults
from routing.domain.configuration.section import unknown

CHANNELS = {channel.value: channel for channel in Channel}


def faults(
    document: Document, profiles: Sequence[CapacityProfile], queues: Mapping[str, object], own: Sequence[Mapping[str, int]]
) -> Iterable[Fault]:  # fmt: skip
    """Yields unknown names, duplicate ids, and time zones without `day-end`; `own` are people's limits, in their order."""
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
            yield from unknown(document, ("people", place, "profiles", name), "capacity profile", name, by_id)


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
