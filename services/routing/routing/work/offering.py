"""Offering work to an agent: agents as the matching sees them, and the offer itself."""

from collections.abc import Collection
from datetime import datetime

from antiphon.contracts.work import WorkAccepted, WorkOffered
from antiphon.organisation.agent import Agent
from antiphon.organisation.queue import Queue
from antiphon.postgres.query import AnyRow
from routing import store
from routing.domain import agent_load
from routing.domain.configuration.document import Configuration
from routing.domain.matching.eligibility import Candidate
from routing.domain.work_item import WorkItem
from routing.unit_of_work import UnitOfWork


def candidate(
    configuration: Configuration,
    row: AnyRow,
    now: datetime | None,
    open_queues: Collection[str] | None = None,
) -> Candidate:
    """An agent as the matching sees them, with those of their queues that are `open_queues` (None: all).

    An agent gets no offers while they wrap up, and few while they ramp up. `now` is None to ignore both.
    """
    agent = configuration.agents_by_id[row.agent_id]
    queues = [queue for queue in agent.queues if open_queues is None or queue in open_queues]
    offers = store.ramp_up.ANY
    if now is not None:
        wraps_up = row.wrap_up_until is not None and row.wrap_up_until > now
        offers = 0 if wraps_up else store.ramp_up.left(row, now)
    return Candidate(
        agent.id, queues, agent.skills, agent.capacity - row.load, row.load, row.idle_since, offers, row.zero_unit,
        agent_load.profile_loads(configuration, agent, row),
    )  # fmt: skip


def offer_to(
    unit: UnitOfWork, work: WorkItem, agent: Agent, queue: Queue, *, at_once: bool = False, directed: bool = False
) -> WorkItem:  # fmt: skip
    """Offers the work to an agent. `at_once`: the agent also accepts it without an answer. Publishes an event of each.

    `directed`: a person chose the agent, who need not be a member of its queue.
    """
    work, offer = unit.offer(work, agent.id, agent.name, unit.now + queue.offer_timeout, directed=directed)
    unit.publish(WorkOffered(work=work.facts(), offer=offer.facts()))
    if at_once:
        work = unit.accept_at_once(work, offer)
        unit.publish(WorkAccepted(work=work.facts(), offer=offer.facts()))
    return work
