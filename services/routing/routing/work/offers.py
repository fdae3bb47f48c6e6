"""Offers: taken, declined, or let pass."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkAccepted, WorkDeclined, WorkOfferTimedOut, WorkState
from antiphon.http.problems import Problem, not_found
from antiphon.postgres.query import mapping
from routing import store
from routing.agents import presence
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.work_item import WorkItem
from routing.unit_of_work import UnitOfWork
from routing.work import escalation, handling


async def _offered(
    tx: AsyncConnection, offer_id: UUID, agent_id: str | None, now: datetime
) -> tuple[WorkItem, OfferRecord]:
    """A pending offer and its work item, locked. Raises Problem: 404 not theirs, 409 over, with who has the work."""
    table = store.offers.OFFER
    found = (await tx.execute(select(table).where(table.c.offer_id == offer_id))).one_or_none()
    if found is None or (agent_id is not None and found.agent_id != agent_id):
        raise not_found("offer")
    work = await handling.locked(tx, found.work_item_id)
    again = (await tx.execute(select(table).where(table.c.offer_id == offer_id))).one()
    offer = OfferRecord.of(mapping(again))
    if offer.result is not None or offer.expires_at <= now:
        ended = offer.result or OfferResult.TIMED_OUT
        raise Problem(
            409,
            "Conflict",
            f"The offer is over: {ended}.",
            result=ended,
            state=work.state,
            agent_id=work.agent_id,
        )
    return work, offer


async def accept(tx: AsyncConnection, offer_id: UUID, agent_id: str, now: datetime) -> WorkItem:
    """The agent takes the work. Exactly one of any that try wins. Raises Problem 404, 409."""
    await store.agents.answered(tx, agent_id)
    work, offer = await _offered(tx, offer_id, agent_id, now)
    unit = UnitOfWork(now)
    unit.end_offer(offer, OfferResult.ACCEPTED)
    work = unit.put(work, state=WorkState.ACCEPTED)
    unit.tell(WorkAccepted(work=work.facts(), offer=offer.facts()))
    await unit.write(tx)
    return work


async def decline(
    tx: AsyncConnection,
    offer_id: UUID,
    agent_id: str,
    active: ActiveVersion,
    reason: str | None,
    now: datetime,
) -> WorkItem:
    """The work goes back to its place; this agent is not asked again while another can take it.

    Raises Problem: 403 where offers can't be declined, 404, 409.
    """
    await store.agents.answered(tx, agent_id)
    work, offer = await _offered(tx, offer_id, agent_id, now)
    queue = active.configuration.queues.get(work.queue)
    if queue is not None and not active.configuration.may_decline(work.queue):
        raise Problem(403, "Not allowed", f"Work of {queue.name} can't be declined: that is its policy.")
    unit = UnitOfWork(now)
    unit.end_offer(offer, OfferResult.DECLINED, reason)
    work = unit.put(work, state=WorkState.QUEUED, agent_id=None)
    unit.tell(WorkDeclined(work=work.facts(), offer=offer.facts(), reason=reason))
    await escalation.ask_others(tx, unit, [work], [offer], active)
    await unit.write(tx)
    return unit.current(work)


async def expire(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    """Offers that nobody answered: the work goes back to its place, who let too many pass in a row is offered no more."""
    active = await configurations.active(tx)
    asked = await tx.execute(
        text("select distinct agent_id from offer where offer_id = any(:ids) and result is null"),
        {"ids": list(ids)},
    )
    await store.agents.lock(tx, [row.agent_id for row in asked])
    pending = await tx.execute(
        text(
            "select w.* from work_item w join offer o using (work_item_id) "
            "where o.offer_id = any(:ids) and o.result is null order by w.work_item_id for update of w"
        ),
        {"ids": list(ids)},
    )
    works = {row.work_item_id: WorkItem.of(mapping(row)) for row in pending}
    unit = UnitOfWork(now)
    ended: list[OfferRecord] = []
    for item, offer in (await store.offers.pending_offers(tx, list(works))).items():
        if offer.offer_id not in ids:
            continue
        unit.end_offer(offer, OfferResult.TIMED_OUT)
        work = works[item] = unit.put(works[item], state=WorkState.QUEUED, agent_id=None)
        unit.tell(WorkOfferTimedOut(work=work.facts(), offer=offer.facts()))
        ended.append(offer)
    await escalation.ask_others(tx, unit, works.values(), ended, active)
    await unit.write(tx)
    if ended:
        await presence.missed(tx, [offer.agent_id for offer in ended], active.configuration, now)
