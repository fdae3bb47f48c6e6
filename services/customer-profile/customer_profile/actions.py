"""What customer-profile does: each function is one verb in the transaction that it is given."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor, ActorKind
from antiphon.contracts.cases import CaseInteractionAdded, CaseOpened
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
from antiphon.contracts.interactions import (
    Identifier,
    Interaction,
    InteractionDeleted,
    InteractionEdited,
    InteractionReceived,
)
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.kafka import outbox
from antiphon.kafka.consumer import NonRetryableError, Received
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile import domain, store
from customer_profile.domain import WordReader

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=CUSTOMER_PROFILE)
# What goes into an event: those that are known longest. The record keeps all.
MOST_IDENTIFIERS = 50
NEW = "new"  # how events call what decided about a stranger: no key of an identifier, which has a colon


class _Read(NamedTuple):
    interaction: Interaction
    reading: Reading
    decision: domain.Decision
    traceparent: str | None
    changed: list[str]  # of the customer, who was known before


async def identify(tx: AsyncConnection, batch: Sequence[Received], words: WordReader, now: datetime) -> None:
    """Ties every interaction of the batch to one customer and tells it, in order per customer.

    The number of statements does not depend on the size of the batch. Raises NonRetryableError for an edit or deletion of what
    was never received.
    """
    arrived = {
        r.event.interaction.interaction_id: r for r in batch if isinstance(r.event, InteractionReceived)
    }
    later = [r for r in batch if isinstance(r.event, InteractionEdited | InteractionDeleted)]
    named = [*arrived, *(_target(r) for r in later)]
    if not named:
        return
    keys = {
        i.key
        for r in arrived.values()
        if isinstance(r.event, InteractionReceived)
        for i in domain.stated(r.event.interaction)
    }
    known = await store.known(tx, named, list(keys))
    new = [r for identity, r in arrived.items() if identity not in known.seen]
    customers, read = await _resolve(tx, new, known, words, now)
    whose = {identity: row.customer_id for identity, row in known.seen.items()}
    whose |= {r.interaction.interaction_id: r.decision.customer_id for r in read}
    accounts = {identity: row.account for identity, row in known.seen.items()}
    accounts |= {r.interaction.interaction_id: r.interaction.account for r in read}
    for received in later:
        if _target(received) not in whose:
            raise NonRetryableError(
                f"{received.event.type} of interaction {_target(received)}, which was never received"
            )
    changed = [
        (r, words.read(r.event.content, accounts[_target(r)]))
        for r in later
        if isinstance(r.event, InteractionEdited)
    ]
    writes = Writes()
    store.add_spoken(writes, [_spoken(r) for r in read])
    if later:
        await writes.send(tx)  # it may be about what this batch brought
    await _keep_later(tx, changed, [r.event for r in later if isinstance(r.event, InteractionDeleted)])
    about = {whose[identity] for identity in named}
    about |= {conflict.other_customer_id for r in read for conflict in r.decision.conflicts}
    customers |= await store.records(tx, list(about - set(customers)))
    outgoing = _tell_received(read, customers, now)
    outgoing += _tell_later(later, {id(r): reading for r, reading in changed}, whose, customers, now)
    outbox.put(writes, outgoing)
    changes.put(
        writes,
        [
            Change(
                "timeline",
                str(whose[identity]),
                [f"customer:{whose[identity]}"],
                {"interaction_id": str(identity)},
            )
            for identity in dict.fromkeys(
                [*(r.interaction.interaction_id for r in read), *(_target(r) for r in later)]
            )
        ],
    )
    await writes.send(tx)


def _target(received: Received) -> UUID:
    event = received.event
    if not isinstance(event, InteractionEdited | InteractionDeleted):
        raise TypeError(event.type)
    return event.interaction_id


async def _resolve(
    tx: AsyncConnection, new: Sequence[Received], known: store.Known, words: WordReader, now: datetime
) -> tuple[store.Records, list[_Read]]:
    """Finds or makes the customers of interactions; counts what was said."""
    if not new:
        return {}, []
    interactions = [r.event.interaction for r in new if isinstance(r.event, InteractionReceived)]
    decisions = await _decide(tx, interactions, known, now)
    read = [
        _Read(
            interaction, words.read(interaction.content, interaction.account), decision,
            received.envelope.traceparent, changed=[],
        )
        for received, interaction, decision in zip(new, interactions, decisions, strict=True)
    ]  # fmt: skip
    await store.add_conflicts(tx, [c for decision in decisions for c in decision.conflicts], now)
    linked = {link.customer_id for decision in decisions for link in decision.links}
    customers, named = await _count(tx, read, now)
    for r in read:
        customer = r.decision.customer_id
        r.changed.extend(["identifiers"] * (customer in linked) + ["name"] * (customer in named))
    return customers, read


async def _decide(
    tx: AsyncConnection, interactions: Sequence[Interaction], known: store.Known, now: datetime
) -> list[domain.Decision]:
    """Decides whose interactions are and links their identifiers: both as if whoever was first with one came before us."""
    owners = dict(known.owners)
    claimed: set[str] = set()
    while True:
        decisions = domain.decide(interactions, owners, known.removed, iter(uuid4, None))
        links = {link.key: link for decision in decisions for link in decision.links}
        asked = [link for key, link in links.items() if key not in claimed]
        again = bool(claimed)
        claimed |= await store.claim_identifiers(tx, asked, now)
        lost = [link.key for link in asked if link.key not in claimed]
        if not lost:
            break
        owners |= await store.owners(tx, lost)
    if again:
        # Decided again: those that we were first with follow, or are given up where their link was removed.
        await store.settle_identifiers(
            tx, [link for key, link in links.items() if key in claimed], claimed - set(links)
        )
    return decisions


async def _count(
    tx: AsyncConnection, read: Sequence[_Read], now: datetime
) -> tuple[store.Records, set[UUID]]:
    """Counts what was said, making customers who are not there; returns them, and those who got a name by it."""
    counts = Counter(r.decision.customer_id for r in read)
    names: dict[UUID, tuple[str, str]] = {}
    for r in read:
        if r.interaction.speaker.name:
            names.setdefault(
                r.decision.customer_id,
                (r.interaction.speaker.name, f"interaction:{r.interaction.interaction_id}"),
            )
    return await store.count_spoken(
        tx,
        [
            {
                "customer_id": customer,
                "since": now,
                "interactions": counts[customer],
                "name": names.get(customer, (None, None))[0],
                "name_source": names.get(customer, (None, None))[1],
            }
            for customer in sorted(counts)
        ],
    )


def _spoken(r: _Read) -> dict[str, object]:
    said = r.interaction
    return {
        "interaction_id": said.interaction_id,
        "customer_id": r.decision.customer_id,
        "speaker_key": said.speaker_key,
        "channel": said.channel,
        "network": said.network,
        "account": said.account,
        "visibility": said.visibility,
        "subject": said.content.subject,
        "text": said.content.text,
        "topics": r.reading.topics,
        "department": r.reading.department,
        "tone": r.reading.tone,
        "automation": said.automation,
        "occurred_at": said.occurred_at,
        "accepted_at": said.accepted_at,
    }


async def _keep_later(
    tx: AsyncConnection, changed: Sequence[tuple[Received, Reading]], deleted: Sequence[InteractionDeleted]
) -> None:
    latest: dict[UUID, dict[str, Any]] = {}
    for received, reading in changed:
        event = received.event
        if not isinstance(event, InteractionEdited):
            continue
        before = latest.get(event.interaction_id)
        between: list[object] = []
        if before:
            # Edited twice within the batch: the words in between were said too.
            version = {
                "subject": before["subject"],
                "text": before["text"],
                "until": event.accepted_at.isoformat(),
            }
            between = [*before["earlier"], version]
        latest[event.interaction_id] = {
            "interaction_id": event.interaction_id,
            "subject": event.content.subject,
            "text": event.content.text,
            "topics": reading.topics,
            "department": reading.department,
            "tone": reading.tone,
            "edited_at": event.accepted_at,
            "earlier": between,
        }
    await store.edit_spoken(tx, list(latest.values()))
    gone = {event.interaction_id: event.accepted_at for event in deleted}
    await store.delete_spoken(tx, [{"interaction_id": i, "deleted_at": at} for i, at in gone.items()])


def facts(record: CustomerRecord, interactions: int) -> CustomerFacts:
    """A customer as later hops may ask about them."""
    return CustomerFacts(
        customer_id=record.customer_id,
        name=record.name,
        identifiers=[Identifier(kind=i.kind, value=i.value) for i in record.identifiers[:MOST_IDENTIFIERS]],
        labels=record.labels,
        since=record.since,
        interactions=interactions,
    )


def _in_event(record: CustomerRecord) -> CustomerRecord:
    return record.model_copy(update={"identifiers": record.identifiers[:MOST_IDENTIFIERS]})


def _tell_received(read: Sequence[_Read], customers: store.Records, now: datetime) -> list[Outgoing]:
    outgoing: list[Outgoing] = []
    left = Counter(r.decision.customer_id for r in read)
    told: set[UUID] = set()
    for r in read:
        customer = r.decision.customer_id
        record, total = customers[customer]
        left[customer] -= 1
        if customer not in told:
            told.add(customer)
            if r.decision.identified_by is None:
                created = CustomerCreated(customer=_in_event(record), by=SYSTEM)
                outgoing.append(encode(created, source=CUSTOMER_PROFILE, time=now, traceparent=r.traceparent))
            elif r.changed:
                updated = CustomerUpdated(customer=_in_event(record), by=SYSTEM, changed=r.changed)
                outgoing.append(encode(updated, source=CUSTOMER_PROFILE, time=now, traceparent=r.traceparent))
        identified = IdentifiedInteractionReceived(
            interaction=r.interaction,
            customer=facts(record, total - left[customer]),
            reading=r.reading,
            identified_by=r.decision.identified_by or NEW,
            conflicts=[_conflict(conflict, customers) for conflict in r.decision.conflicts],
        )
        outgoing.append(encode(identified, source=CUSTOMER_PROFILE, time=now, traceparent=r.traceparent))
    return outgoing


def _conflict(conflict: domain.Conflict, customers: store.Records) -> IdentifierConflict:
    other, _ = customers[conflict.other_customer_id]
    return IdentifierConflict(
        identifier=Identifier(kind=conflict.identifier.kind, value=conflict.identifier.value),
        other_customer_id=other.customer_id,
        other_customer_name=other.name,
    )


def _tell_later(
    later: Sequence[Received],
    readings: dict[int, Reading],
    whose: dict[UUID, UUID],
    customers: store.Records,
    now: datetime,
) -> list[Outgoing]:
    outgoing: list[Outgoing] = []
    for received in later:
        customer = facts(*customers[whose[_target(received)]])
        event = received.event
        if isinstance(event, InteractionEdited):
            told = IdentifiedInteractionEdited(edit=event, customer=customer, reading=readings[id(received)])
            outgoing.append(
                encode(told, source=CUSTOMER_PROFILE, time=now, traceparent=received.envelope.traceparent)
            )
        elif isinstance(event, InteractionDeleted):
            gone = IdentifiedInteractionDeleted(deletion=event, customer=customer)
            outgoing.append(
                encode(gone, source=CUSTOMER_PROFILE, time=now, traceparent=received.envelope.traceparent)
            )
    return outgoing


async def note_cases(tx: AsyncConnection, batch: Sequence[Received]) -> None:
    """Keeps on timelines which case each interaction is on."""
    on = {
        r.event.interaction.interaction_id: r.event.case
        for r in batch
        if isinstance(r.event, CaseOpened | CaseInteractionAdded)
    }
    await store.note_cases(
        tx,
        [
            {"interaction_id": identity, "case_id": case.case_id, "case_reference": case.reference}
            for identity, case in on.items()
        ],
    )


async def tell_updated(
    tx: AsyncConnection, customer_id: UUID, changed: list[str], by: Actor, now: datetime
) -> CustomerRecord:
    """Tells that a person changed a customer, whose row the caller has locked; returns the customer as it is now."""
    record, _ = (await store.records(tx, [customer_id]))[customer_id]
    event = CustomerUpdated(customer=_in_event(record), by=by, changed=changed)
    await outbox.publish(
        tx, [encode(event, source=CUSTOMER_PROFILE, time=now, traceparent=tracing.current())]
    )
    await changes.record(
        tx, [Change("customer", str(customer_id), [f"customer:{customer_id}"], {"changed": changed})]
    )
    return record
