"""What customer-profile publishes about customers and their interactions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.base import Actor, ActorKind, Event
from antiphon.contracts.customers import CustomerCreated, CustomerRecord, CustomerUpdated
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.identified import (
    CustomerFacts,
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
    IdentifierConflict,
    Reading,
)
from antiphon.contracts.interactions import Identifier, Interaction, InteractionDeleted, InteractionEdited
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile.domain.identification import Conflict, Decision
from customer_profile.store.customers import Customer

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=CUSTOMER_PROFILE)
# An event carries the identifiers that were linked first, at most so many. The record has all.
MOST_IDENTIFIERS = 50
NEW = "new"  # `identified_by` of a new customer; the key of an identifier has a colon


class Identified(NamedTuple):
    """A new interaction with its reading, its decision and the trace that it came with."""

    interaction: Interaction
    reading: Reading
    decision: Decision
    traceparent: str | None


class Later(NamedTuple):
    """An edit, with the reading of the new words, or a deletion of an earlier interaction."""

    event: InteractionEdited | InteractionDeleted
    reading: Reading | None
    traceparent: str | None


def of_received(
    identified: Sequence[Identified],
    customers: Mapping[UUID, Customer],
    changed: Mapping[UUID, list[str]],
    now: datetime,
) -> list[Outgoing]:
    """The events about new interactions, in their order, each customer's own event before their first interaction.

    `changed` names what changed of customers who were known before.
    """
    outgoing: list[Outgoing] = []
    still_to_come = Counter(one.decision.customer_id for one in identified)
    published: set[UUID] = set()
    for interaction, reading, decision, traceparent in identified:
        customer_id = decision.customer_id
        customer = customers[customer_id]
        still_to_come[customer_id] -= 1
        if customer_id not in published:
            published.add(customer_id)
            record = in_event(customer.record)
            if decision.identified_by is None:
                outgoing.append(_outgoing(CustomerCreated(customer=record, by=SYSTEM), now, traceparent))
            elif changed[customer_id]:
                updated = CustomerUpdated(customer=record, by=SYSTEM, changed=changed[customer_id])
                outgoing.append(_outgoing(updated, now, traceparent))
        event = IdentifiedInteractionReceived(
            interaction=interaction,
            customer=_facts(customer.record, customer.interactions - still_to_come[customer_id]),
            reading=reading,
            identified_by=decision.identified_by or NEW,
            conflicts=[_conflict(conflict, customers) for conflict in decision.conflicts],
        )
        outgoing.append(_outgoing(event, now, traceparent))
    return outgoing


def of_later(
    later: Sequence[Later],
    customer_ids: Mapping[UUID, UUID],
    customers: Mapping[UUID, Customer],
    now: datetime,
) -> list[Outgoing]:
    """The events about edits and deletions, in their order. `customer_ids` are those of their interactions."""
    outgoing: list[Outgoing] = []
    for event, reading, traceparent in later:
        facts = _facts(*customers[customer_ids[event.interaction_id]])
        if isinstance(event, InteractionDeleted):
            deleted = IdentifiedInteractionDeleted(deletion=event, customer=facts)
            outgoing.append(_outgoing(deleted, now, traceparent))
        elif reading is not None:
            edited = IdentifiedInteractionEdited(edit=event, customer=facts, reading=reading)
            outgoing.append(_outgoing(edited, now, traceparent))
    return outgoing


def in_event(record: CustomerRecord) -> CustomerRecord:
    """The record as an event carries it: with at most MOST_IDENTIFIERS identifiers."""
    return record.model_copy(update={"identifiers": record.identifiers[:MOST_IDENTIFIERS]})


def _outgoing(event: Event, now: datetime, traceparent: str | None) -> Outgoing:
    return encode(event, source=CUSTOMER_PROFILE, time=now, traceparent=traceparent)


def _facts(record: CustomerRecord, interactions: int) -> CustomerFacts:
    return CustomerFacts(
        customer_id=record.customer_id,
        name=record.name,
        identifiers=[Identifier(kind=i.kind, value=i.value) for i in record.identifiers[:MOST_IDENTIFIERS]],
        labels=record.labels,
        since=record.since,
        interactions=interactions,
    )


def _conflict(conflict: Conflict, customers: Mapping[UUID, Customer]) -> IdentifierConflict:
    other = customers[conflict.other_customer_id].record
    return IdentifierConflict(
        identifier=Identifier(kind=conflict.identifier.kind, value=conflict.identifier.value),
        other_customer_id=other.customer_id,
        other_customer_name=other.name,
    )
