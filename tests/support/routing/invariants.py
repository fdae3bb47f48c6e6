"""What holds of all work at every moment, and of who was given work by whom: looked up in the database, thought out again here."""

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
from tests.support.routing.case_history import as_kept
from tests.support.routing.configured import ACCEPTED, OFFERED, QUEUED, AgentPool

REFUSED = {"declined", "timed-out", "taken-back"}
_TABLES = ("work_item", "offer", "agent", "wrap_up", "case_record", "clock", "clock_entry", "timer", "decision",
           "outbox", "escalation", "queue_state", "configuration")  # fmt: skip


class Moment(NamedTuple):
    """All work, offers and agents at a moment, by the configuration active."""

    now: datetime
    active: ActiveVersion
    open_queues: frozenset[str]
    works: Mapping[UUID, AnyRow]
    offers: Mapping[UUID, AnyRow]
    presence: Mapping[str, str]
    wraps_up: Mapping[str, datetime]

    def held(self, agent: str) -> list[AnyRow]:
        """What an agent has, or is offered."""
        return [work for work in self.works.values() if work.agent_id == agent and work.completed_at is None]

    def load(self, agent: str) -> int:
        """Its units."""
        return sum(work.units for work in self.held(agent))

    def refused(self, item: UUID) -> set[str]:
        """Who was asked and did not take it, or had it taken back."""
        return {o.agent_id for o in self.offers.values() if o.work_item_id == item and o.result in REFUSED}

    def can(self, agent: str, work: AnyRow) -> bool:
        """Whether they are there for work, may have it, and it does not wait for another."""
        kept = work.hold_until is not None and work.hold_until > self.now and work.preferred != agent
        return self.there(agent) and self.may(agent, work) and not kept

    def there(self, agent: str) -> bool:
        """Whether they say that they are there for work."""
        return self.presence.get(agent) in self.active.configuration.routable

    def may(self, agent: str, work: AnyRow) -> bool:
        """Whether they are of a queue that is asked and given out, and have the skills."""
        known = self.active.configuration.agents_by_id.get(agent)
        if known is None:
            return False
        asked = {work.queue, *work.also_queues} & self.open_queues
        return not asked.isdisjoint(known.queues) and all(
            known.skills.get(skill, 0) >= level for skill, level in work.skills.items()
        )

    def room(self, agent: str) -> int:
        """Units that they still can take; none while they wrap up."""
        if self.wraps_up.get(agent, self.now) > self.now:
            return 0
        return self.capacity(agent) - self.load(agent)

    def capacity(self, agent: str) -> int:
        """Units that they can have."""
        return self.active.configuration.agents_by_id[agent].capacity

    def waiting(self) -> list[AnyRow]:
        """The most urgent first."""
        return sorted((w for w in self.works.values() if w.state == QUEUED), key=urgency)


def urgency(work: AnyRow) -> tuple[datetime, datetime, UUID]:
    """What is ordered by, worked out from what the order is made of."""
    latest = work.queued_at + work.longest_wait
    due = latest if work.due_at is None else max(work.queued_at, min(work.due_at, latest))
    return due - work.priority * work.head_start, work.queued_at, work.work_item_id


async def look(pool: AgentPool) -> Moment:
    """As it is now."""
    async with pool.engine.connect() as connection:

        async def rows(query: str) -> Sequence[AnyRow]:
            return (await connection.execute(text(query))).all()

        active = await pool.active(connection)
        given_out = opening.given_out(opening.openings(active, pool.now))
        works = {row.work_item_id: row for row in await rows("select * from work_item")}
        offers = {row.offer_id: row for row in await rows("select * from offer")}
        agents = await rows(
            "select a.agent_id, presence, until from agent a left join wrap_up using (agent_id)"
        )
    return Moment(
        pool.now, active, given_out, works, offers, {a.agent_id: a.presence for a in agents},
        {a.agent_id: a.until for a in agents if a.until is not None},
    )  # fmt: skip


async def assert_whole(pool: AgentPool, moment: Moment, awaiting: Iterable[UUID]) -> None:
    """Each case that awaits an answer has one open item and no other has any; who has it is there, and nobody else has it."""
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
        assert work.order_at == urgency(work)[0], work
    held = {work.agent_id for work in moment.works.values() if work.state in {OFFERED, ACCEPTED}}
    assert all(moment.presence.get(agent) not in {None, "offline"} for agent in held), (held, moment.presence)
    await _assert_counted(pool, moment)


async def _assert_counted(pool: AgentPool, moment: Moment) -> None:
    counted = await pool.rows(
        "select queue, what, sum(count) as n from (select * from work_count union all select * from work_count_change) t "
        "where minute = 'epoch' group by 1, 2 having sum(count) <> 0"
    )
    stands = Counter((w.queue, w.state) for w in moment.works.values() if w.completed_at is None)
    assert {(row.queue, row.what): row.n for row in counted} == stands


def assert_fairly_given(before: Moment, after: Moment) -> None:
    """What a pass gave: to who could take it and has room; and the most urgent that they can take, none beside it left over."""
    fresh = [offer for key, offer in after.offers.items() if key not in before.offers]
    for offer in fresh:
        assert_may_have(after, offer.agent_id, after.works[offer.work_item_id])
    given: dict[str, list[AnyRow]] = {}
    for offer in fresh:
        given.setdefault(offer.agent_id, []).append(after.works[offer.work_item_id])
    for work in after.waiting():
        refused = after.refused(work.work_item_id)
        for agent in after.presence:
            if agent in refused or not after.can(agent, work):
                continue
            less = [other for other in given.get(agent, ()) if urgency(work) < urgency(other)]
            room = after.room(agent) + sum(min(w.units, after.capacity(agent)) for w in less)
            assert room < min(work.units, after.capacity(agent)), (
                work,
                agent,
                less,
                "should have been offered",
            )


def assert_may_have(moment: Moment, agent: str, work: AnyRow) -> None:
    """They can do it, and have room for it; what is worth more than all they have is all they have."""
    assert moment.there(agent), (agent, moment.presence)
    assert moment.may(agent, work), (agent, work)
    assert moment.load(agent) <= moment.capacity(agent) or len(moment.held(agent)) == 1, (
        agent,
        moment.held(agent),
    )


def next_for(moment: Moment, agent: str) -> UUID | None:
    """What who asks for the next is given: the most urgent that they can take, what they refused after all else."""
    room = moment.capacity(agent) - moment.load(agent)
    fits = [
        work
        for work in moment.waiting()
        if moment.can(agent, work) and room >= min(work.units, moment.capacity(agent))
    ]
    fits.sort(key=lambda work: agent in moment.refused(work.work_item_id))
    return fits[0].work_item_id if fits else None


async def assert_clocks(pool: AgentPool, checked: dict[UUID, int]) -> None:
    """Each clock is what its ledger says, and due when it is by hand. Those with as many lines as were `checked` are left."""
    lines: dict[UUID, list[AnyRow]] = {}
    for line in await pool.rows("select * from clock_entry order by clock_id, place"):
        lines.setdefault(line.clock_id, []).append(line)
    for row in await pool.rows("select * from clock"):
        ledger = lines[row.clock_id]
        if checked.get(row.clock_id) == len(ledger):
            continue
        checked[row.clock_id] = len(ledger)
        folded = columns(sla_clock.fold(entry_of(mapping(line)) for line in ledger))
        assert folded == {name: as_kept(getattr(row, name)) for name in folded}
        assert row.due_at == due_by_hand(row)
    paused = "paused_since is null and met_at is null and cancelled_at is null"
    wrong = await pool.rows(
        "select w.case_reference, w.due_at, c.due from work_item w left join "
        f"(select case_id, min(due_at) as due from clock where {paused} group by 1) c using (case_id) "
        "where w.state <> 'completed' and w.due_at is distinct from c.due"
    )
    assert wrong == []


def due_by_hand(row: Any) -> datetime:
    """When a clock of a calendar that never closes is due: what its finished runs left, after the last began."""
    runs = [(datetime.fromisoformat(a), datetime.fromisoformat(b) if b else None) for a, b in row.runs]
    left: timedelta = row.within
    for begins, ends in runs[:-1]:
        assert ends is not None
        worked = ends - begins
        if worked > left:
            return begins + left
        left -= worked
    return runs[-1][0] + left


async def fingerprint(pool: AgentPool) -> Sequence[Any]:
    """What the database holds, so that two are equal when nothing changed."""
    one = "select '{0}' as what, count(*) as n, md5(string_agg(t::text, ' ' order by t::text)) as whole from {0} t"
    return await pool.rows(" union all ".join(one.format(table) for table in _TABLES))
