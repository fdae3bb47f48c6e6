"""Which customer an interaction is from, decided by exact identifiers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.interactions import Channel, Identifier, IdentifierKind, Interaction, StatedBy

# Channels on which an agent can ask who speaks, or read it in a letter, before they note the interaction.
NOTED = frozenset[str]({Channel.PHONE, Channel.VISIT, Channel.LETTER})
# The channel states the address of a mail, post or call. The customer types the address into a form.
ADDRESS_STATED_BY: Mapping[str, StatedBy] = {Channel.WEB: StatedBy.CUSTOMER}
# Claims beyond these are not compared with other customers' identifiers; the interaction keeps them.
MOST_CLAIMS = 20


class Link(NamedTuple):
    """An identifier that becomes a customer's, and who stated it. `source` names the interaction or person, for people."""

    key: str
    identifier: Identifier
    customer_id: UUID
    stated_by: str
    source: str


class Conflict(NamedTuple):
    """An identifier that an interaction states of its speaker and that is another customer's. A person decides."""

    identifier: Identifier
    customer_id: UUID
    other_customer_id: UUID
    source: str


class Decision(NamedTuple):
    """Which customer an interaction is from, its new links, and its conflicts.

    `identified_by` is the key of the identifier that decided, None for a new customer.
    """

    customer_id: UUID
    identified_by: str | None
    links: Sequence[Link]
    conflicts: Sequence[Conflict]


def stated_identifiers(interaction: Interaction) -> list[Identifier]:
    """The identifiers that the interaction states of its speaker, each once: the address, then at most MOST_CLAIMS claims."""
    speaker = interaction.speaker
    by_key: dict[str, Identifier] = {}
    if speaker.address:
        by_key[speaker.address.key] = speaker.address
    for claim in speaker.also[:MOST_CLAIMS]:
        by_key.setdefault(claim.key, claim)
    return list(by_key.values())


def deciding_identifiers(interaction: Interaction) -> list[tuple[Identifier, StatedBy]]:
    """The identifiers that can decide which customer the interaction is from, in order, each with who stated it.

    The address alone decides: an answer on the channel goes to it. When an agent noted a call, visit or letter, the
    identifiers that the agent states follow. A handle can change its owner and never decides.
    """
    noted = interaction.noted_by is not None and interaction.channel in NOTED
    by = StatedBy.AGENT if noted else ADDRESS_STATED_BY.get(interaction.channel, StatedBy.CHANNEL)
    deciding = {
        claim.key for claim in interaction.speaker.also if noted and claim.stated_by == StatedBy.AGENT
    }
    if interaction.speaker.address:
        deciding.add(interaction.speaker.address.key)
    return [
        (identifier, by)
        for identifier in stated_identifiers(interaction)
        if identifier.key in deciding and identifier.kind != IdentifierKind.HANDLE
    ]


def decide(
    interactions: Sequence[Interaction],
    owners: Mapping[str, UUID],
    removed: Mapping[str, Collection[UUID]],
    new_ids: Iterable[UUID],
) -> list[Decision]:
    """Decides in order which customer each interaction is from, as if each came in a batch of its own.

    The first deciding identifier that has an owner decides. The deciding identifiers that have no owner become that
    customer's, except a link that a supervisor `removed`. When no deciding identifier has an owner, the interaction is
    from a new customer, and all of them become theirs: two strangers who share an address are one customer. A claim links
    nothing; it is a conflict when it is another customer's.
    """
    owner_of = dict(owners)
    new = iter(new_ids)
    decisions: list[Decision] = []
    for interaction in interactions:
        source = f"interaction:{interaction.interaction_id}"
        deciding = deciding_identifiers(interaction)
        decider = next((identifier.key for identifier, _ in deciding if identifier.key in owner_of), None)
        customer_id = owner_of[decider] if decider else next(new)
        links = [
            Link(identifier.key, identifier, customer_id, by, source)
            for identifier, by in deciding
            if identifier.key not in owner_of and customer_id not in removed.get(identifier.key, ())
        ]
        owner_of.update((link.key, link.customer_id) for link in links)
        conflicts = [
            Conflict(identifier, customer_id, owner_of[identifier.key], source)
            for identifier in stated_identifiers(interaction)
            if owner_of.get(identifier.key, customer_id) != customer_id
        ]
        decisions.append(Decision(customer_id, decider, links, conflicts))
    return decisions
