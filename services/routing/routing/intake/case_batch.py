"""The unit of work of a batch of events, and what is read for its cases together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Event
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.offer import OfferRecord
from routing.domain.queues.opening import Opening
from routing.domain.queues.placement import Load
from routing.domain.rules.conditions import Context
from routing.domain.work_item import WorkItem
from routing.intake.case_events import may_ask_rules
from routing.queues import opening, rule_context
from routing.sla.ledger import ClockLedger
from routing.unit_of_work import UnitOfWork


@dataclass
class CaseBatch:
    """The unit of work of a batch of events, and what was read for its cases. Each event that is applied changes it.

    `last` is the newest work item of a case, `offers` the pending offer of a work item. `rule_context`, `openings` and `loads`
    are empty where no event of the batch needs a decision.
    """

    unit: UnitOfWork
    active: ActiveVersion
    seen: dict[UUID, CaseRecord]
    last: dict[UUID, WorkItem]
    ledger: ClockLedger
    offers: dict[UUID, OfferRecord]
    rule_context: Context
    openings: Mapping[str, Opening]
    loads: dict[str, Load]


async def read_batch(
    tx: AsyncConnection, events: Sequence[Event], case_ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> CaseBatch:  # fmt: skip
    """Locks the cases of these events and their open work. The number of statements does not depend on how many."""
    active = await configurations.active(tx, now)
    unit = UnitOfWork(now)
    seen = await store.cases.lock_cases(tx, case_ids)
    # A case that routing has not seen before has neither work nor clocks.
    seen_before = [case_id for case_id in case_ids if seen[case_id].revision]
    open_work = await store.work_items.open_work(tx, seen_before)
    batch = CaseBatch(
        unit=unit,
        active=active,
        seen=seen,
        last=await store.work_items.last_work(tx, seen_before, open_work),
        ledger=ClockLedger(unit, active, await store.clocks.running_clocks(tx, seen_before)),
        offers=await store.offers.pending_offers(tx, [work.work_item_id for work in open_work.values()]),
        rule_context={},
        openings={},
        loads={},
    )
    if may_ask_rules(events, open_work):
        batch.rule_context = await rule_context.read(tx, active, now)
        batch.openings = opening.openings(active, now)
        batch.loads = await opening.loads(tx, active, now)
    return batch
