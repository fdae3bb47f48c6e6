"""Interactions that a channel received: each gets its customer and its reading, and goes to that customer's timeline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.cases import CaseInteractionAdded, CaseOpened
from antiphon.contracts.interactions import (
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
from customer_profile import store
from customer_profile.actions import events
from customer_profile.actions.events import Identified, Later
from customer_profile.actions.identification import decide_and_link
from customer_profile.domain.identification import stated_identifiers
from customer_profile.domain.reading import WordReader
from customer_profile.store.customers import Customer, NewInteractions
from customer_profile.store.identification import Existing, Origin
from customer_profile.store.interactions import Edit, Version


class _New(NamedTuple):
    interaction: Interaction
    traceparent: str | None


class _Counted(NamedTuple):
    """Customers after their new interactions were counted, and what changed of each."""

    customers: dict[UUID, Customer]
    changed: Mapping[UUID, list[str]]


async def identify(tx: AsyncConnection, batch: Sequence[Received], words: WordReader, now: datetime) -> None:
    """Finds the customer of every interaction of the batch, and publishes all in order for each customer.

    The number of statements does not depend on the size of the batch. Raises NonRetryableError for an edit or a deletion of
    an interaction that was never received.
    """
    received = {
        r.event.interaction.interaction_id: _New(r.event.interaction, r.envelope.traceparent)
        for r in batch
        if isinstance(r.event, InteractionReceived)
    }
    follow_ups = [
        (r.event, r.envelope.traceparent)
        for r in batch
        if isinstance(r.event, InteractionEdited | InteractionDeleted)
    ]
    interaction_ids = [*received, *(event.interaction_id for event, _ in follow_ups)]
    if not interaction_ids:
        return
    keys = {i.key for one in received.values() for i in stated_identifiers(one.interaction)}
    existing = await store.identification.existing(tx, interaction_ids, list(keys))
    new = [one for identity, one in received.items() if identity not in existing.origins]
    identified = await _identify_new(tx, new, existing, words, now)
    customers, changed = await _count(tx, identified, now)
    origins = existing.origins | {
        one.interaction.interaction_id: Origin(one.decision.customer_id, one.interaction.account)
        for one in identified
    }
    later = [_later(event, traceparent, origins, words) for event, traceparent in follow_ups]

    writes = Writes()
    store.interactions.add(
        writes, [(one.interaction, one.reading, one.decision.customer_id) for one in identified]
    )
    if later:
        await writes.send(tx)  # a later event can be about an interaction of this batch
    await store.interactions.edit(tx, _edits(later))
    await store.interactions.delete(tx, _deletions(later))

    customer_ids = {identity: origins[identity].customer_id for identity in interaction_ids}
    named = {*customer_ids.values(), *_others_in_conflict(identified)}
    customers |= await store.customers.read(tx, list(named - set(customers)))
    outbox.put(
        writes,
        [
            *events.of_received(identified, customers, changed, now),
            *events.of_later(later, customer_ids, customers, now),
        ],
    )
    published = dict.fromkeys(
        [
            *(one.interaction.interaction_id for one in identified),
            *(one.event.interaction_id for one in later),
        ]
    )
    changes.put(writes, [_timeline_change(customer_ids[identity], identity) for identity in published])
    await writes.send(tx)


async def set_cases(tx: AsyncConnection, batch: Sequence[Received]) -> None:
    """Records on timelines which case each interaction is on."""
    await store.interactions.set_cases(
        tx,
        {
            r.event.interaction.interaction_id: (r.event.case.case_id, r.event.case.reference)
            for r in batch
            if isinstance(r.event, CaseOpened | CaseInteractionAdded)
        },
    )


async def _identify_new(
    tx: AsyncConnection, new: Sequence[_New], existing: Existing, words: WordReader, now: datetime
) -> list[Identified]:
    if not new:
        return []
    decisions = await decide_and_link(tx, [one.interaction for one in new], existing, now)
    await store.conflicts.add(tx, [c for decision in decisions for c in decision.conflicts], now)
    return [
        Identified(interaction, words.read(interaction.content, interaction.account), decision, traceparent)
        for (interaction, traceparent), decision in zip(new, decisions, strict=True)
    ]


async def _count(tx: AsyncConnection, identified: Sequence[Identified], now: datetime) -> _Counted:
    """Counts new interactions, and adds the customers who are not there."""
    counts = Counter(one.decision.customer_id for one in identified)
    names: dict[UUID, tuple[str, str]] = {}
    for interaction, _, decision, _ in identified:
        if interaction.speaker.name:
            source = f"interaction:{interaction.interaction_id}"
            names.setdefault(decision.customer_id, (interaction.speaker.name, source))
    customers, named = await store.customers.count_interactions(
        tx,
        [
            NewInteractions(customer_id, now, counts[customer_id], *names.get(customer_id, (None, None)))
            for customer_id in sorted(counts)
        ],
    )
    linked = {link.customer_id for one in identified for link in one.decision.links}
    changed = {
        customer_id: ["identifiers"] * (customer_id in linked) + ["name"] * (customer_id in named)
        for customer_id in counts
    }
    return _Counted(customers, changed)


def _later(
    event: InteractionEdited | InteractionDeleted,
    traceparent: str | None,
    origins: Mapping[UUID, Origin],
    words: WordReader,
) -> Later:
    origin = origins.get(event.interaction_id)
    if origin is None:
        raise NonRetryableError(
            f"{event.type} of interaction {event.interaction_id}, which was never received"
        )
    reading = words.read(event.content, origin.account) if isinstance(event, InteractionEdited) else None
    return Later(event, reading, traceparent)


def _edits(later: Sequence[Later]) -> list[Edit]:
    """One edit an interaction: the last of the batch, with the versions between as earlier ones."""
    last: dict[UUID, Edit] = {}
    for event, reading, _ in later:
        if not isinstance(event, InteractionEdited) or reading is None:
            continue
        before = last.get(event.interaction_id)
        earlier = [*before.earlier, Version(before.subject, before.text, event.accepted_at)] if before else []
        last[event.interaction_id] = Edit(
            interaction_id=event.interaction_id,
            subject=event.content.subject,
            text=event.content.text,
            topics=reading.topics,
            department=reading.department,
            tone=reading.tone,
            edited_at=event.accepted_at,
            earlier=earlier,
        )
    return list(last.values())


def _deletions(later: Sequence[Later]) -> dict[UUID, datetime]:
    return {
        one.event.interaction_id: one.event.accepted_at
        for one in later
        if isinstance(one.event, InteractionDeleted)
    }


def _others_in_conflict(identified: Sequence[Identified]) -> set[UUID]:
    return {conflict.other_customer_id for one in identified for conflict in one.decision.conflicts}


def _timeline_change(customer_id: UUID, interaction_id: UUID) -> Change:
    return Change(
        "timeline", str(customer_id), [f"customer:{customer_id}"], {"interaction_id": str(interaction_id)}
    )
