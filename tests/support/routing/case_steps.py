"""A case on a real PostgreSQL: people act on its work, and its events come late, twice and out of order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.cases import CaseEvent
from antiphon.postgres.query import mapping
from routing.domain.case_record import CaseRecord
from routing.domain.case_transition import needs_open_work, needs_work
from routing.work import handling, reconciliation
from tests.support.routing.agent_pool import QUEUED, SUPERVISOR, AgentPool
from tests.support.routing.case_world import CaseWorld
from tests.support.routing.organisation import agent

Step = tuple[str, int]
"""A verb, and a number that chooses the agent or the event."""

OF_CASE = (
    "write", "edit", "delete oldest", "delete newest", "answer", "answer and leave open", "answer fails", "set open",
    "set pending", "set closed",
)  # fmt: skip
OF_WORK = ("assign", "offer", "accept", "transfer", "take back", "dismiss")
OF_EVENTS = ("read", "read", "read newest", "read again")
KEPT = ("work_item_id", "state", "queue", "agent_id", "handover")


def verbs() -> list[str]:
    """All verbs of steps; reading an event is more frequent."""
    return [*OF_CASE, *OF_WORK, *OF_EVENTS]


def steps() -> st.SearchStrategy[list[Step]]:
    """Some steps with one case."""
    return st.lists(st.tuples(st.sampled_from(verbs()), st.integers(0, 9)), min_size=3, max_size=9)


async def prepared(engine: AsyncEngine) -> AgentPool:
    """A pool in which elena and farid can take any number of cases."""
    pool = AgentPool(engine)
    await pool.organise(agent("elena", capacity=100), agent("farid", capacity=100))
    for who in ("elena", "farid"):
        await pool.present(who)
    return pool


class CaseSteps:
    """One case: its side in case-mgmt as values, its side in routing in the database."""

    def __init__(self, pool: AgentPool, number: int) -> None:
        self.pool = pool
        self.world = CaseWorld(number, pool.now)
        self.case_id: UUID = self.world.case.case_id
        self.read: list[CaseEvent] = []

    async def play(self, played: Sequence[Step]) -> None:
        """Plays the steps, then reads all events; asserts the invariants after each step, and ends the work of the case."""
        await self._read(self.world.opened)
        for verb, n in played:
            await self._step(verb, n)
            await self._assert_open_where_needed()
        while self.world.under_way:
            await self._step("read", 0)
            await self._assert_open_where_needed()
        record = await self._record()
        assert record is not None
        assert record.awaits == needs_work(self.world.case.facts())
        async with self.pool.engine.begin() as tx:
            await reconciliation.run_part(tx, self.pool.configurations, self.pool.now, 10_000)
        assert await self.pool.rows("select * from finding where case_id = :c", c=self.case_id) == []
        self.world.act("set closed")
        while self.world.under_way:
            await self._step("read", 0)
        assert await self._open() is None

    async def _step(self, verb: str, n: int) -> None:
        under_way = self.world.under_way
        if verb in OF_CASE:
            self.world.act(verb)
        elif verb == "read again":
            await self._read(self.read[n % len(self.read)])
        elif verb in OF_EVENTS:
            if under_way:
                await self._read(under_way.pop(-1 if verb == "read newest" else 0))
        elif (work := await self._open()) is not None:
            await self._act(verb, work.work_item_id, ("elena", "farid")[n % 2])

    async def _act(self, verb: str, item: UUID, who: str) -> None:
        pool = self.pool
        match verb:
            case "assign":
                if await pool.assign_to(who, item) == 200:
                    self.world.echo()
            case "offer":
                await pool.offer_to(who, item, wait=True)
            case "accept":
                pending = "select * from offer where work_item_id = :w and result is null"
                for offer in await pool.rows(pending, w=item):
                    if await pool.accept(offer.offer_id, offer.agent_id) == 200:
                        self.world.echo()
            case "transfer":
                await pool.transfer(item, "front-desk")
            case "take back":
                await pool.take_back(item)
            case _:
                async with pool.engine.begin() as tx:
                    active = await pool.active(tx)
                    await handling.complete(
                        tx, item, SUPERVISOR, active, "by phone", anyones=True, now=pool.now
                    )

    async def _read(self, event: CaseEvent) -> None:
        """Routing reads an event; asserts that one that is older, or asks for nothing newer, undoes nothing."""
        before, work = await self._record(), await self._open()
        await self.pool.apply(event)
        self.read.append(event)
        after, now = await self._record(), await self._open()
        if before is None:
            return
        if event.case.revision <= before.revision:
            assert (after, now) == (before, work), event
        if work is not None and now is not None:
            assert [getattr(now, name) for name in KEPT] == [getattr(work, name) for name in KEPT], event
        if work is not None and now is None:
            assert not needs_work(event.case), event
        if before.is_dismissed and (event.case.asked_revision or 0) <= before.asked_revision:
            assert now is None, event

    async def _assert_open_where_needed(self) -> None:
        record, work = await self._record(), await self._open()
        assert record is not None
        assert (work is not None) == needs_open_work(record)
        assert work is None or (work.agent_id is None) == (work.state == QUEUED)

    async def _record(self) -> CaseRecord | None:
        rows = await self.pool.rows("select * from case_record where case_id = :c", c=self.case_id)
        return CaseRecord.of(mapping(rows[0])) if rows else None

    async def _open(self) -> Any:
        query = "select * from work_item where case_id = :c and state <> 'completed'"
        async with self.pool.engine.connect() as connection:
            return (await connection.execute(text(query), {"c": self.case_id})).one_or_none()
