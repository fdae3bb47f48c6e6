"""What becomes of an offer: it is accepted, declined or extended, or it expires."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkAccepted, WorkDeclined, WorkOfferTimedOut
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from routing import store
from routing.agents import presence
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain import work_acts
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.unit_of_work import UnitOfWork
from routing.work import escalation, handling


async def _lock_offered(
    tx: AsyncConnection, offer_id: UUID, agent_id: str, now: datetime
) -> tuple[WorkItem, OfferRecord]:
    """Locks the work item of a pending offer. Raises Problem: 404 when it is not theirs, 409 when it ended, with who has the work."""
    offer = await store.offers.get(tx, offer_id)
    if offer is None or offer.agent_id != agent_id:
        raise not_found("offer")
    work = await handling.lock_work(tx, offer.work_item_id)
    # Another transaction may have ended the offer before this one had the lock.
    offer = await store.offers.get(tx, offer_id) or offer
    if offer.result is not None or offer.expires_at <= now:
        ended = offer.result or OfferResult.TIMED_OUT
        raise Problem(
            Kind.OFFER_OVER,
            f"The offer is over: {ended}.",
            result=ended,
            state=work.state,
            agent_id=work.agent_id,
        )
    return work, offer


async def accept(tx: AsyncConnection, offer_id: UUID, agent_id: str, now: datetime) -> WorkItem:
    """Gives the work to the agent; of several who try at once exactly one gets it. Raises Problem 404, 409."""
    await store.agents.answered(tx, agent_id)
    work, offer = await _lock_offered(tx, offer_id, agent_id, now)
    unit = UnitOfWork(now)
    unit.end_offer(offer, OfferResult.ACCEPTED)
    work = unit.put(work, **work_acts.accepted())
    unit.publish(WorkAccepted(work=work.facts(), offer=offer.facts()))
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
    """Returns the work to its place; this agent is not offered it again while another can take it.

    Raises Problem: 403 where the queue allows no declining, 404, 409.
    """
    await store.agents.answered(tx, agent_id)
    work, offer = await _lock_offered(tx, offer_id, agent_id, now)
    queue = active.configuration.queues.get(work.queue)
    if queue is not None and not active.configuration.may_decline(work.queue):
        raise Problem(
            Kind.DECLINING_NOT_ALLOWED, f"Work of {queue.name} can't be declined: that is its policy."
        )
    unit = UnitOfWork(now)
    unit.end_offer(offer, OfferResult.DECLINED, reason)
    work = unit.put(work, **work_acts.queued())
    unit.publish(WorkDeclined(work=work.facts(), offer=offer.facts(), reason=reason))
    await escalation.bring_forward_refused(tx, unit, [work], [offer], active)
    await unit.write(tx)
    return unit.current(work)


async def extend(
    tx: AsyncConnection, offer_id: UUID, agent_id: str, active: ActiveVersion, now: datetime
) -> None:
    """Gives the agent more time to answer. Who extends an offer is there: it counts as an answer.

    Raises Problem: 403 where the queue allows no extending, 404, 409 when the offer is over or was extended too often.
    """
    # Before the agent and the work, in the order of `expire`, which takes the timer first.
    await store.timers.lock(tx, TimerKind.OFFER_EXPIRY, offer_id)
    await store.agents.answered(tx, agent_id)
    work, offer = await _lock_offered(tx, offer_id, agent_id, now)
    queue = active.configuration.queues.get(work.queue)
    if queue is None or queue.extend_offer is None:
        raise Problem(
            Kind.EXTENDING_NOT_ALLOWED,
            f"Offers of {queue.name if queue else work.queue} can't be extended: that is its policy.",
        )
    if active.configuration.extensions_left(work.queue, offer.extensions) == 0:
        raise Problem(
            Kind.EXTENSIONS_USED_UP, f"The offer was extended {offer.extensions} times, as often as possible."
        )
    unit = UnitOfWork(now)
    unit.extend_offer(work, offer, queue.extend_offer.by)
    await unit.write(tx)


async def expire(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    """Ends offers that nobody answered: the work returns to its place. An agent who missed too many in a row gets no more."""
    active = await configurations.active(tx, now)
    await store.agents.lock(tx, await store.offers.agents_asked(tx, ids))
    works = {work.work_item_id: work for work in await store.work_items.lock_offered(tx, ids)}
    unit = UnitOfWork(now)
    ended: list[OfferRecord] = []
    for work_item_id, offer in (await store.offers.pending_offers(tx, list(works))).items():
        if offer.offer_id not in ids:
            continue
        unit.end_offer(offer, OfferResult.TIMED_OUT)
        work = works[work_item_id] = unit.put(works[work_item_id], **work_acts.queued())
        unit.publish(WorkOfferTimedOut(work=work.facts(), offer=offer.facts()))
        ended.append(offer)
    await escalation.bring_forward_refused(tx, unit, works.values(), ended, active)
    await unit.write(tx)
    if ended:
        await presence.note_missed_offers(tx, [offer.agent_id for offer in ended], active.configuration, now)
