"""The pool: agents of an organisation that sets what they may do, on routing without its doors."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkState
from antiphon.http.problems import Problem
from antiphon.postgres.query import AnyRow, mapping
from deploy.site import EXAMPLE
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.work_item import WorkItem
from routing.work import explain, handling, pulling
from tests.support.routing.harness import Harness

BOSS = Actor(kind="supervisor", id="sam", name="Sam Okafor")
Json = dict[str, Any]
Changed = Callable[[Json], object]


def written(*changed: Changed) -> str:
    """The example organisation with these changes; no offer runs out by itself while a test is slow."""
    organisation: Json = yaml.safe_load(EXAMPLE.read_text())
    for given in organisation["queues"].values():
        given["offer_timeout"] = "1h"
    for change in changed:
        change(organisation)
    return yaml.dump(organisation, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """What two sections rollout is written out in both: the organisation's file has no aliases."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def queue(name: str, **given: Any) -> Changed:
    """Sets what a queue can set."""
    return lambda organisation: organisation["queues"][name].update(given)


def agent(name: str, **given: Any) -> Changed:
    """Sets what an agent can do."""

    def change(organisation: Json) -> None:
        next(one for one in organisation["agents"] if one["id"] == name).update(given)

    return change


def section(name: str, given: Any) -> Changed:
    """Sets a section."""
    return lambda organisation: organisation.update({name: given})


class AgentPool(Harness):
    """What agents and supervisors do; a refusal is returned as its status and words."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.refused: list[tuple[int, str]] = []

    async def organise(self, *changed: Changed) -> None:
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, written(*changed), "council.yaml", "test", self.now)
        await self.fire()  # the review that follows

    async def active(self, tx: AsyncConnection) -> ActiveVersion:
        return await self.configurations.active(tx)

    async def take_next(self, who: str) -> UUID | int | None:
        """The item that they got, None when there is none for them, the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                work = await pulling.take_next(tx, active, active.configuration.agents_by_id[who], self.now)
                return work.work_item_id if work else None
        except Problem as problem:
            return self._refused(problem)

    async def pick(self, who: str, work: UUID) -> int:
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                await pulling.pick(tx, active, active.configuration.agents_by_id[who], work, self.now)
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def give(self, who: str, work: UUID) -> int:
        try:
            async with self.engine.begin() as tx:
                active = await self.active(tx)
                known = active.configuration.agents_by_id[who]
                await handling.assign(tx, work, BOSS, active, known, "knows the case", self.now)
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def offer(self, who: str, work: UUID) -> None:
        """A supervisor hands the work to one agent, who is asked."""
        async with self.engine.begin() as tx:
            active = await self.active(tx)
            known = active.configuration.agents_by_id[who]
            await handling.transfer(
                tx, work, BOSS, active, queue=None, agent=known, note=None, anyones=True, now=self.now
            )

    async def take_back(self, work: UUID) -> int:
        try:
            async with self.engine.begin() as tx:
                await handling.take_back(tx, work, BOSS, "too much on one desk", self.now)
        except Problem as problem:
            return self._refused(problem)
        return 200

    async def move(self, work: UUID, to: str) -> None:
        async with self.engine.begin() as tx:
            active = await self.active(tx)
            await handling.transfer(
                tx, work, BOSS, active, queue=to, agent=None, note=None, anyones=True, now=self.now
            )

    async def reprioritise(self, work: UUID, priority: int) -> None:
        async with self.engine.begin() as tx:
            await handling.reprioritise(tx, work, BOSS, priority, None, await self.active(tx), self.now)

    async def complete(self, who: str, work: UUID) -> None:
        async with self.engine.begin() as tx:
            by, active = Actor(kind="agent", id=who), await self.active(tx)
            await handling.complete(tx, work, by, active, "a call settled it", anyones=False, now=self.now)

    async def complete_if_theirs(self, who: str, work: UUID) -> None:
        try:
            await self.complete(who, work)
        except Problem as problem:
            self._refused(problem)

    async def decline_if_theirs(self, offer: UUID, who: str) -> None:
        try:
            await self.decline(offer, who)
        except Problem as problem:
            self._refused(problem)

    async def works(self) -> dict[str, AnyRow]:
        """Work by its case's reference."""
        return {row.case_reference: row for row in await self.rows("select * from work_item")}

    async def accept_all(self) -> None:
        for who, offers in (await self.pending()).items():
            for offer in offers:
                assert await self.accept(offer, who) == 200

    async def told(self, event_type: str) -> int:
        """How many events of a type wait to be published."""
        found = await self.rows("select 1 from outbox where headers like :t", t=f"%{event_type}%")
        return len(found)

    async def why(self, reference: str) -> explain.Explained:
        """The explanation of a case's open work item, or of one that is completed."""
        async with self.engine.begin() as tx:
            newest = (
                store.work_items.WORK.select().order_by(store.work_items.WORK.c.completed_at.desc()).limit(1)
            )
            row = (await tx.execute(newest.where(store.work_items.WORK.c.case_reference == reference))).one()
            return await explain.explain(tx, WorkItem.of(mapping(row)), await self.active(tx), self.now)

    async def decision(self, reference: str) -> explain.DecisionView:
        """What the rules decided about that work item."""
        decision = (await self.why(reference))["decision"]
        assert decision is not None
        return decision

    async def analyse(self) -> None:
        """Plans are made by what there is now."""
        async with self.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("vacuum analyze")

    async def make_due(self, kind: str) -> int:
        """Timers of a kind are due, and fire: how many."""
        async with self.engine.begin() as tx:
            await tx.execute(
                text("update timer set due_at = now() - interval '1 s' where kind = :k"), {"k": kind}
            )
        return await self.fire()

    def _refused(self, problem: Problem) -> int:
        self.refused.append((problem.status, str(problem)))
        return problem.status


QUEUED, OFFERED, ACCEPTED = WorkState.QUEUED, WorkState.OFFERED, WorkState.ACCEPTED
