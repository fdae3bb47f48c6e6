"""What people change of a customer's record."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.base import Actor
from antiphon.contracts.customers import CustomerUpdated
from antiphon.contracts.envelope import encode
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.http.preconditions import Seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.kafka import outbox
from antiphon.process import tracing
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile import store
from customer_profile.actions.events import in_event
from customer_profile.store.customers import Customer


async def get(connection: AsyncConnection, customer_id: UUID) -> Customer:
    """The customer. Raises Problem 404."""
    customers = await store.customers.read(connection, [customer_id])
    if customer_id not in customers:
        raise not_found("customer")
    return customers[customer_id]


async def update(
    tx: AsyncConnection,
    customer_id: UUID,
    values: Mapping[str, object],
    *,
    seen: Seen,
    who: Identity,
    now: datetime,
) -> Customer:
    """Gives fields of a customer new values, and publishes it. What a person sets, no channel overwrites.

    Raises Problem 404, and 412 when the customer has changed since the caller has `seen` them.
    """
    await store.customers.lock(tx, [customer_id])
    customer = await get(tx, customer_id)
    if not seen.matches(customer.record.revision):
        raise Problem(
            Kind.PRECONDITION_FAILED,
            f"The customer is now at revision {customer.record.revision}: read it again.",
            revision=customer.record.revision,
        )
    if not values:
        return customer
    source: dict[str, object] = {}
    if "name" in values:
        # Nobody stated that there is no name, so a channel may state one.
        source["name_source"] = None if values["name"] is None else f"person:{who.subject}"
    await store.customers.change(tx, customer_id, {**values, **source})
    return await publish_updated(tx, customer_id, sorted(values), who.actor(), now)


async def publish_updated(
    tx: AsyncConnection, customer_id: UUID, changed: list[str], by: Actor, now: datetime
) -> Customer:
    """Publishes what a person changed of a customer, whose row the caller has locked. Returns the customer as it is now."""
    customer = await get(tx, customer_id)
    event = CustomerUpdated(customer=in_event(customer.record), by=by, changed=changed)
    await outbox.publish(
        tx, [encode(event, source=CUSTOMER_PROFILE, time=now, traceparent=tracing.current())]
    )
    await changes.record(
        tx, [Change("customer", str(customer_id), [f"customer:{customer_id}"], {"changed": changed})]
    )
    return customer
