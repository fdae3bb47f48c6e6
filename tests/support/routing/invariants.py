"""What holds of all work, offers, agents and clocks at every moment: read from the database, and computed a second time here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from antiphon.postgres.query import AnyRow, mapping
from routing.configuration.active import ActiveVersion
from routing.domain.time import sla_clock
from routing.queues import opening
from routing.sla.ledger import columns, entry_of
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.case_history import from_column

REFUSED = {"declined", "timed-out", "taken-back", "handed-on"}
_TABLES = ("work_item", "offer", "agent", "wrap_up", "case_record", "clock", "clock_entry", "timer", "decision",
           "outbox", "escalation", "queue_state", "configuration")  # fmt: skip


class Moment(NamedTuple):
    """All work, offers and agents at a moment, and the active configuration."""

    now: datetime
    active: ActiveVersion
    open_queues: frozenset[str]
    works: Mapping[UUID, AnyRow]
    offers: Mapping[UUID, AnyRow]
    presence: Mapping[str, str]
    wraps_up: Mapping[str, datetime]

    def held(self, agent: str) -> list[AnyRow]:
        """The open work that an agent has accepted or is offered."""
        return [work for work in self.works.values() if work.agent_id == agent and work.completed_at is None]

    def load(self, agent: str) -> int:
        """The units of the work that an agent holds."""
        return sum(work.units for work in self.held(agent))

    def refused(self, item: UUID) -> set[str]:
        """The agents who did not take the item, who handed it on, or from whom it was taken back."""
        return {o.agent_id for o in self.offers.values() if o.work_item_id == item and o.result in REFUSED}

    def can_take(self, agent: str, work: AnyRow) -> bool:
        """Whether the agent is present and qualified, and the work is not held for another agent."""
        is_held = work.hold_until is not None and work.hold_until > self.now and work.preferred != agent
        return self.is_present(agent) and self.is_qualified(agent, work) and not is_held

    def waits_for(self, agent: str, item: UUID) -> bool:
        """Whether a person handed the item to the agent, for whom alone it waits, whatever their queues and skills."""
        work = self.works.get(item)
        handed_to = work.handover and work.handover["agent_id"] if work else None
        return work is not None and handed_to == agent and work.hold_until > self.now

    def is_present(self, agent: str) -> bool:
        """Whether the agent is in a presence in which work is offered."""
        return self.presence.get(agent) in self.active.configuration.routable

    def is_away(self, agent: str) -> bool:
        """Whether the agent is absent or outside their shift: they are offered nothing, and may take work themselves."""
        member = self.active.configuration.agents_by_id.get(agent)
        return member is not None and member.away is not None

    def is_qualified(self, agent: str, work: AnyRow) -> bool:
        """Whether the agent is a member of an open queue of the work, and has the skills."""
        member = self.active.configuration.agents_by_id.get(agent)
        if member is None:
            return False
        queues = {work.queue, *work.also_queues} & self.open_queues
        return not queues.isdisjoint(member.queues) and all(
            member.skills.get(skill, 0) >= level for skill, level in work.skills.items()
        )

    def free_units(self, agent: str) -> int:
        """Units that the agent can still take; 0 while they wrap up."""
        if self.wraps_up.get(agent, self.now) > self.now:
            return 0
        return self.capacity(agent) - self.load(agent)

    def capacity(self, agent: str) -> int:
        """Units that the agent can hold."""
        return self.active.configuration.agents_by_id[agent].capacity

    def waiting(self) -> list[AnyRow]:
        """The waiting work, the most urgent first."""
        return sorted((w for w in self.works.values() if w.state == QUEUED), key=self.urgency)

    def urgency(self, work: AnyRow) -> tuple[bool, datetime, datetime, UUID]:
        """The sort key of waiting work, computed from the columns that it depends on."""
        waited_out = work.queued_at + work.longest_wait
        is_overdue = self.now >= waited_out
        return (
            not is_overdue,
            waited_out if is_overdue else moment_of(work),
            work.queued_at,
            work.work_item_id,
        )


def moment_of(work: AnyRow) -> datetime:
    """The moment that orders work that is not overdue."""
    latest = work.queued_at + work.longest_wait
    due = latest if work.due_at is None else max(work.queued_at, min(work.due_at, latest))
    moment: datetime = due - work.priority * work.head_start
    return moment


async def read_moment(pool: AgentPool) -> Moment:
    """Reads the moment from the database."""
    async with pool.engine.connect() as connection:

        async def rows(query: str) -> Sequence[AnyRow]:
            return (await connection.execute(text(query))).all()

        active = await pool.active(connection)
        open_queues = opening.open_queues(opening.openings(active, pool.now))
        works = {row.work_item_id: row for row in await rows("select * from work_item")}
        offers = {row.offer_id: row for row in await rows("select * from offer")}
        agents = await rows(
            "select a.agent_id, presence, until from agent a left join wrap_up using (agent_id)"
        )
    return Moment(
        pool.now, active, open_queues, works, offers, {a.agent_id: a.presence for a in agents},
        {a.agent_id: a.until for a in agents if a.until is not None},
    )  # fmt: skip


async def assert_consistent(pool: AgentPool, moment: Moment, awaiting: Iterable[UUID]) -> None:
    """Asserts that each awaiting case has one open item and no other case has any, and that its agent is present and the only one."""
    unfinished = Counter(work.case_id for work in moment.works.values() if work.completed_at is None)
    assert unfinished == Counter(awaiting)
    pending = {offer.work_item_id: offer for offer in moment.offers.values() if offer.result is None}
    for work in moment.works.values():
        if work.completed_at is not None:
            assert work.work_item_id not in pending
            continue
        offer = pending.get(work.work_item_id)
        assert (work.agent_id is None) == (work.state == QUEUED), work
        assert (work.state == OFFERED) == (offer is not None), work
        assert offer is None or offer.agent_id == work.agent_id, work
        assert work.order_at == moment_of(work), work
        assert work.overdue_at == work.queued_at + work.longest_wait, work
    held = {work.agent_id for work in moment.works.values() if work.state in {OFFERED, ACCEPTED}}
    assert all(moment.presence.get(agent) not in {None, "offline"} for agent in held), (held, moment.presence)
    await _assert_counted(pool, moment)


async def _assert_counted(pool: AgentPool, moment: Moment) -> None:
    counted = await pool.rows(
        "select queue, what, sum(count) as n from (select * from work_count union all select * from work_count_change) t "
        "where minute = 'epoch' group by 1, 2 having sum(count) <> 0"
    )
    expected = Counter((w.queue, w.state) for w in moment.works.values() if w.completed_at is None)
    assert {(row.queue, row.what): row.n for row in counted} == expected


def assert_offered_in_order(before: Moment, after: Moment) -> None:
    """Asserts that a pass offered work to agents who could take it, the most urgent first, and left none that an agent could take."""
    new_offers = [
        offer
        for key, offer in after.offers.items()
        if key not in before.offers and not before.waits_for(offer.agent_id, offer.work_item_id)
    ]
    for offer in new_offers:
        assert_allowed(after, offer.agent_id, after.works[offer.work_item_id])
        assert not after.is_away(offer.agent_id), offer
    offered: dict[str, list[AnyRow]] = {}
    for offer in new_offers:
        offered.setdefault(offer.agent_id, []).append(after.works[offer.work_item_id])
    for work in after.waiting():
        refused = after.refused(work.work_item_id)
        for agent in after.presence:
            if agent in refused or after.is_away(agent) or not after.can_take(agent, work):
                continue
            less_urgent = [
                other for other in offered.get(agent, ()) if after.urgency(work) < after.urgency(other)
            ]
            free = after.free_units(agent) + sum(min(w.units, after.capacity(agent)) for w in less_urgent)
            assert free < min(work.units, after.capacity(agent)), (
                work,
                agent,
                less_urgent,
                "should have been offered",
            )


def assert_allowed(moment: Moment, agent: str, work: AnyRow) -> None:
    """Asserts that the agent is present and qualified, and holds no more than their capacity, or one item that is larger."""
    assert moment.is_present(agent), (agent, moment.presence)
    assert moment.is_qualified(agent, work), (agent, work)
    assert moment.load(agent) <= moment.capacity(agent) or len(moment.held(agent)) == 1, (
        agent,
        moment.held(agent),
    )


def expected_pull(moment: Moment, agent: str) -> UUID | None:
    """The item that a pull gives the agent: the most urgent that they can take, items that they refused last."""
    free = moment.capacity(agent) - moment.load(agent)
    fits = [
        work
        for work in moment.waiting()
        if moment.can_take(agent, work) and free >= min(work.units, moment.capacity(agent))
    ]
    fits.sort(key=lambda work: agent in moment.refused(work.work_item_id))
    return fits[0].work_item_id if fits else None


async def assert_clocks(pool: AgentPool, checked: dict[UUID, int]) -> None:
    """Asserts that each clock equals its ledger, and its due time the one computed here. `checked`: the entries seen so far, by clock."""
    entries: dict[UUID, list[AnyRow]] = {}
    for entry in await pool.rows("select * from clock_entry order by clock_id, place"):
        entries.setdefault(entry.clock_id, []).append(entry)
    for row in await pool.rows("select * from clock"):
        ledger = entries[row.clock_id]
        if checked.get(row.clock_id) == len(ledger):
            continue
        checked[row.clock_id] = len(ledger)
        folded = columns(sla_clock.fold(entry_of(mapping(entry)) for entry in ledger))
        assert folded == {name: from_column(getattr(row, name)) for name in folded}
        assert row.due_at == expected_due(row)
    paused = "paused_since is null and met_at is null and cancelled_at is null"
    wrong_due = await pool.rows(
        "select w.case_reference, w.due_at, c.due from work_item w left join "
        f"(select case_id, min(due_at) as due from clock where {paused} group by 1) c using (case_id) "
        "where w.state <> 'completed' and w.due_at is distinct from c.due"
    )
    assert wrong_due == []


def expected_due(row: Any) -> datetime:
    """When a clock of the calendar `always` is due: the time that its finished runs left, after the start of the last run."""
    runs = [(datetime.fromisoformat(a), datetime.fromisoformat(b) if b else None) for a, b in row.runs]
    left: timedelta = row.within
    for start, end in runs[:-1]:
        assert end is not None
        if end - start > left:
            return start + left
        left -= end - start
    return runs[-1][0] + left


async def fingerprint(pool: AgentPool) -> Sequence[Any]:
    """Row count and hash of each table: equal exactly when nothing changed."""
    query = "select '{0}' as what, count(*) as n, md5(string_agg(t::text, ' ' order by t::text)) as whole from {0} t"
    return await pool.rows(" union all ".join(query.format(table) for table in _TABLES))
