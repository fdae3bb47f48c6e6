"""Identifiers that people link to a customer, and links that a supervisor removes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity, Role
from antiphon.contracts.interactions import Identifier, StatedBy
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from customer_profile import store
from customer_profile.actions import customers
from customer_profile.domain.identification import Link
from customer_profile.store.customers import Customer


async def link(
    tx: AsyncConnection, customer_id: UUID, identifier: Identifier, who: Identity, now: datetime
) -> Customer:
    """Links an identifier to a customer, and publishes it. Repeating it changes nothing.

    Raises Problem 404, and 409 when the identifier is another customer's, or a supervisor removed this link and the caller
    is no supervisor.
    """
    await customers.get(tx, customer_id)
    key = identifier.key
    new = Link(key, identifier, customer_id, StatedBy.AGENT, f"person:{who.subject}")
    claimed = await store.identifiers.claim(tx, [new], now)
    # After the identifier, as the consumer does: the two never deadlock.
    await store.customers.lock(tx, [customer_id])
    if not claimed:
        owner = (await store.identifiers.owners(tx, [key])).get(key)
        if owner is None:
            raise Problem(
                Kind.IDENTIFIER_CHANGED_MEANWHILE,
                "Somebody removed the identifier from its customer just now: try again.",
            )
        if owner != customer_id:
            raise Problem(
                Kind.IDENTIFIER_OF_ANOTHER_CUSTOMER,
                "The identifier belongs to another customer.",
                customer_id=owner,
            )
        return await customers.get(tx, customer_id)
    if not who.has(Role.SUPERVISOR) and await store.identifiers.is_removed(tx, key, customer_id):
        raise Problem(
            Kind.LINK_REMOVED, "A supervisor removed this link: only a supervisor can link it again."
        )
    await store.customers.change(tx, customer_id)
    return await customers.publish_updated(tx, customer_id, ["identifiers"], who.actor(), now)


async def unlink(tx: AsyncConnection, customer_id: UUID, key: str, who: Identity, now: datetime) -> Customer:
    """Removes a link, keeps that it was there, and publishes it. Raises Problem 404."""
    await store.customers.lock(tx, [customer_id])
    if not await store.identifiers.unlink(tx, key, customer_id, who.subject, now):
        raise not_found("identifier of this customer")
    await store.customers.change(tx, customer_id)
    return await customers.publish_updated(tx, customer_id, ["identifiers"], who.actor(), now)
