"""Ids that are derived, so that the same thing gets the same id wherever and however often it is seen."""

from uuid import UUID, uuid5

NAMESPACE = UUID("5f0d6a53-6a55-4b39-9d0a-2f6f2e8c3c11")


def derived_id(kind: str, *parts: str) -> UUID:
    """The id of `kind` that these parts, in this order, always give. Parts may hold any text."""
    # Lengths keep ("ab", "c") apart from ("a", "bc").
    name = "".join(f"{len(part)}:{part}" for part in (kind, *parts))
    return uuid5(NAMESPACE, name.encode("utf-8", "surrogatepass").hex())


def interaction_id(channel: str, *native: str) -> UUID:
    """The id of the interaction that the channel knows by `native`."""
    return derived_id("interaction", channel, *native)


def event_id(event_type: str, *parts: str) -> UUID:
    """The id of an event that must be recognised when it is written again."""
    return derived_id("event", event_type, *parts)
