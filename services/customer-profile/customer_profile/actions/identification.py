"""Decides which customer interactions are from, also while other transactions claim the same identifiers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.interactions import Interaction
from customer_profile import store
from customer_profile.domain import identification
from customer_profile.domain.identification import Decision
from customer_profile.store.identification import Existing


async def decide_and_link(
    tx: AsyncConnection, interactions: Sequence[Interaction], existing: Existing, now: datetime
) -> list[Decision]:
    """Decides which customer each interaction is from, and links its identifiers.

    When another transaction claimed an identifier first, it decides again with the owner that the other one set.
    """
    owners = dict(existing.owners)
    claimed: set[str] = set()
    while True:
        decisions = identification.decide(interactions, owners, existing.removed, iter(uuid4, None))
        links = {link.key: link for decision in decisions for link in decision.links}
        unclaimed = [link for key, link in links.items() if key not in claimed]
        decided_again = bool(claimed)
        claimed |= await store.identifiers.claim(tx, unclaimed, now)
        lost = [link.key for link in unclaimed if link.key not in claimed]
        if not lost:
            break
        owners |= await store.identifiers.owners(tx, lost)
    if decided_again:
        # Identifiers claimed for an earlier decision go to the customer of the last one, or are released where it has no link.
        await store.identifiers.reassign(
            tx, [link for key, link in links.items() if key in claimed], claimed - set(links)
        )
    return decisions
