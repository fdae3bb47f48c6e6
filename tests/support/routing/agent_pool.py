"""Actions of agents and supervisors on routing without its entry points, in an organisation that a test configures."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkState
from antiphon.http.problems import Problem
from antiphon.postgres.query import AnyRow, mapping
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.work_item import WorkItem
from routing.work import explain, handling, pulling
from tests.support.routing.harness import Harness
from tests.support.routing.organisation import Change, organisation_yaml

QUEUED, OFFERED, ACCEPTED = WorkState.QUEUED, WorkState.OFFERED, WorkState.ACCEPTED
SUPERVISOR = Actor(kind="supervisor", id="sam", name="Sam Okafor")


class AgentPool(Harness):
    """Actions of agents and supervisors, each a transaction. A refused action returns the HTTP status; `refused` keeps its text."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.refused: list[tuple[int, str]] = []

    async def organise(self, *changes: Change) -> None:
        """Activates the example organisation with these changes, and runs the review of open work that follows."""
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, organisation_yaml(*changes), "council.yaml", "test", self.now)
        await self.fire()

    async def active(self, tx: AsyncConnection) -> ActiveVersion:
        return await self.configurations.active(tx, self.now)

    async def take_next(self, agent: str) -> UUID | int | None:
        """The agent pulls: the item they got, None when no work suits them, the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                work = await pulling.take_next(tx, active, active.configuration.agents_by_id[agent], self.now)
                return work.work_item_id if work else None
        except Problem as problem:
            return self._refused(problem)

    async def pick(self, agent: str, work: UUID) -> int:
        """The agent takes this item: 200, or the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                await pulling.pick(tx, active, active.configuration.agents_by_id[agent], work, self.now)
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def assign_to(self, agent: str, work: UUID, *, wait: bool = False) -> int:
        """A supervisor assigns the work to an agent: 200, or the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                member = active.configuration.agents_by_id[agent]
                await handling.assign(
                    tx, work, SUPERVISOR, active, member, "knows the case", self.now, wait=wait
                )
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def offer_to(
        self, agent: str, work: UUID, by: Actor = SUPERVISOR, note: str | None = None, *, wait: bool = False
    ) -> int:
        """A person transfers the work to an agent, who gets an offer: 200, or the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                member = active.configuration.agents_by_id[agent]
                await handling.transfer(
                    tx, work, by, active, queue=None, agent=member, note=note, anyones=by is SUPERVISOR,
                    now=self.now, wait=wait,
                )  # fmt: skip
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def take_back(self, work: UUID) -> int:
        """A supervisor takes the work back from its agent: 200, or the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                await handling.take_back(tx, work, SUPERVISOR, "too much on one desk", self.now)
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def transfer(self, work: UUID, queue: str) -> None:
        """A supervisor transfers the work to a queue."""
        async with self.engine.begin() as tx:
            active = await self.active(tx)
            await handling.transfer(
                tx, work, SUPERVISOR, active, queue=queue, agent=None, note=None, anyones=True, now=self.now
            )

    async def reprioritise(self, work: UUID, priority: int) -> None:
        async with self.engine.begin() as tx:
            await handling.reprioritise(tx, work, SUPERVISOR, priority, None, await self.active(tx), self.now)

    async def complete(self, agent: str, work: UUID) -> None:
        """The agent completes their work. Raises Problem when it is not theirs."""
        async with self.engine.begin() as tx:
            by, active = Actor(kind="agent", id=agent), await self.active(tx)
            await handling.complete(tx, work, by, active, "resolved by phone", anyones=False, now=self.now)

    async def complete_if_theirs(self, agent: str, work: UUID) -> None:
        """As `complete`; a refusal is only kept."""
        try:
            await self.complete(agent, work)
        except Problem as problem:
            self._refused(problem)

    async def decline_if_theirs(self, offer: UUID, agent: str) -> None:
        """As `decline`; a refusal is only kept."""
        try:
            await self.decline(offer, agent)
        except Problem as problem:
            self._refused(problem)

    async def works(self) -> dict[str, AnyRow]:
        """All work items by the reference of their case."""
        return {row.case_reference: row for row in await self.rows("select * from work_item")}

    async def accept_all(self) -> None:
        """Each agent accepts all their offers."""
        for agent, offers in (await self.pending()).items():
            for offer in offers:
                assert await self.accept(offer, agent) == 200

    async def count_events(self, event_type: str) -> int:
        """The number of events of a type in the outbox."""
        return len(await self.rows("select 1 from outbox where headers like :t", t=f"%{event_type}%"))

    async def decision(self, reference: str) -> explain.DecisionView:
        """What the rules decided about that work item."""
        decision = (await self.why(reference))["decision"]
        assert decision is not None
        return decision

    async def why(self, reference: str) -> explain.Explained:
        """The explanation of a case's open work item, or of a completed one where none is open."""
        async with self.engine.begin() as tx:
            newest = (
                store.work_items.WORK.select().order_by(store.work_items.WORK.c.completed_at.desc()).limit(1)
            )
            row = (await tx.execute(newest.where(store.work_items.WORK.c.case_reference == reference))).one()
            return await explain.explain(tx, WorkItem.of(mapping(row)), await self.active(tx), self.now)

    async def analyse(self) -> None:
        """Brings the statistics of the query planner up to date."""
        async with self.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("vacuum analyze")

    async def make_due(self, kind: str) -> int:
        """Makes all timers of a kind due and fires them. Returns how many timers fired."""
        async with self.engine.begin() as tx:
            await tx.execute(
                text("update timer set due_at = now() - interval '1 s' where kind = :k"), {"k": kind}
            )
        return await self.fire()

    def _refused(self, problem: Problem) -> int:
        self.refused.append((problem.status, str(problem)))
        return problem.status
