"""The placement of work: the queue that takes it, and the event about a queue that gives out no work now."""

from antiphon.contracts.work import WorkHeld
from routing.domain.decisions.verdict import Verdict
from routing.domain.queues import placement
from routing.domain.queues.placement import Place
from routing.domain.work_item import WorkItem
from routing.intake.case_batch import CaseBatch


def find_place(batch: CaseBatch, verdict: Verdict) -> Place:
    """The queue of the verdict, or the one that it overflows to. Further events of the batch count the work there."""
    configuration = batch.active.configuration
    place = placement.place(configuration, batch.openings, batch.loads, verdict.queue, verdict.overflow)
    load = batch.loads.get(place.queue, placement.NOBODY)
    batch.loads[place.queue] = load._replace(waiting=load.waiting + 1)
    return place


def publish_held(batch: CaseBatch, work: WorkItem, meant_for: str) -> None:
    """Publishes `work.held` where the queue of the work is not open; with the words of the closed queue it was meant for."""
    opening = batch.openings[work.queue]
    if opening.open:
        return
    meant = batch.active.configuration.queues[meant_for]
    is_closed = not batch.openings[meant_for].takes
    acknowledge = meant.outside_hours.acknowledge if is_closed else None
    batch.unit.publish(
        WorkHeld(
            work=work.facts(),
            reason=opening.why or "",
            opens_at=opening.opens_at,
            acknowledge=acknowledge,
            meant_for=meant.name if acknowledge else None,
        )
    )
