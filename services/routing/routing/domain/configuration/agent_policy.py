"""What can be wrong with the policy for all agents: unknown channels."""

from collections.abc import Iterable, Mapping

from antiphon.contracts.interactions import Channel
from antiphon.organisation.document import Document, Fault
from routing.domain.configuration.section import unknown


def faults(document: Document, channel_units: Mapping[str, int]) -> Iterable[Fault]:
    """Yields unknown channels."""
    channels = {channel.value: channel for channel in Channel}
    for channel in channel_units:
        yield from unknown(document, ("channel_units", channel), "channel", channel, channels)
