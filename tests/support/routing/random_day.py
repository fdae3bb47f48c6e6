"""Random actions of customers, agents and supervisors on a pool, beside a record of the cases that await an answer."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Event
from antiphon.contracts.queues import QueueState
from antiphon.postgres.query import AnyRow
from routing import store
from routing.sla import clocks
from tests.support.routing.agent_pool import ACCEPTED, QUEUED
from tests.support.routing.case_history import MONDAY, CaseHistory, TimedPool, sla_policies, within
from tests.support.routing.invariants import (
    Moment,
    assert_allowed,
    assert_offered_in_order,
    expected_pull,
    fingerprint,
    read_moment,
)
from tests.support.routing.organisation import Change, agent, queue, section
from tests.support.routing.presence import heartbeat, miss_heartbeats
from tests.support.routing.queues import put_state

AGENTS = ("elena", "farid", "bruno", "dev")
QUEUES = ("planning", "front-desk", "rates", "roads")
DEPARTMENTS = ("planning", "planning", "rates", None)
ORGANISED: tuple[Change, ...] = (
    sla_policies(next_response=within(2), resolution=within(30), warn_at=["50%"], on_warning={"priority": 60},
              on_breach={"labels": ["overdue"], "priority": 95}, targets=[{"priority": 80, "first_response": within(1)}]),
    section("channel_units", {"phone": 2}),
    section("agents_policy", {"prefer_last_agent": {"for": "2h", "wait_at_most": "5m"}}),
    queue("planning", offer_timeout="10m", may_pick=True, wrap_up="3m",
          steps=[{"after": "30m", "lower": {"planning": 1}}, {"after": "90m", "add_queue": "front-desk", "needs": {}}]),
    queue("rates", offer_timeout="10m", longest_wait="40m"),
    queue("front-desk", longest_wait="2h", offer_timeout="5m", may_pick=True),
    agent("elena", capacity=1),
    agent("farid", auto_accept=True, capacity=2),
    agent("bruno", capacity=1, queues=["planning", "front-desk"], skills={"planning": 4, "rates": 2}),
    agent("dev", capacity=2, queues=["rates", "planning"], skills={"planning": 2, "rates": 6}),
)  # fmt: skip
VERBS = (
    "open case", "open case", "write again", "answer", "resolve", "fail", "repeat event", "present", "present", "leave", "heartbeat", "lose heartbeat",
    "assign", "accept", "accept", "decline", "complete", "next", "pick", "assign to", "transfer", "offer to",
    "take back", "reprioritise", "reprioritise", "wait", "wait", "wait long", "skills", "queues", "capacity", "close", "reopen", "remove agent",
    "absent", "absent", "move", "employ",
)  # fmt: skip


class CrashError(Exception):
    """The process died before it could commit."""


class CrashingEngine:
    """An engine whose transactions are rolled back instead of committed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        async with self._engine.begin() as tx:
            yield tx
            raise CrashError

    def connect(self) -> AsyncConnection:
        return self._engine.connect()


class RandomDay:
    """Actions on a pool, each a verb and two numbers, and the cases that await an answer after them."""

    def __init__(self, pool: TimedPool) -> None:
        self.pool = pool
        self.cases: dict[UUID, CaseHistory] = {}
        self.awaits: set[UUID] = set()
        self.applied: list[Event] = []
        self.changes: dict[str, Change] = {}
        self.checked: dict[UUID, int] = {}

    async def begin(self) -> None:
        """Deletes all rows but the configuration, and begins with four available agents and six cases."""
        pool = self.pool
        async with pool.engine.begin() as tx:
            all_tables = [table for table in store.base.METADATA.tables if table != "configuration"]
            emptied = ", ".join(f"t_{n} as (delete from {table})" for n, table in enumerate(all_tables))
            await tx.execute(text(f"with {emptied} select 1"))
        pool.now = MONDAY
        await self.organise()
        for who in AGENTS:
            await pool.present(who)
        for n in range(6):
            await self.do("open case", n, n)
            await self.wait(1)

    async def organise(self) -> None:
        """Activates the first configuration with the changes made since, and brings the clocks up to date."""
        await self.pool.organise(*ORGANISED, *self.changes.values())
        await self.wait(0)
        async with self.pool.engine.begin() as tx:
            while await clocks.recompute_changed_policies(tx, self.pool.configurations, self.pool.now):
                pass

    async def wait(self, minutes: int) -> None:
        """Advances the time from one timer to the next; each fires when it is due."""
        pool, until = self.pool, self.pool.now + timedelta(minutes=minutes)
        for _ in range(200):
            (row,) = await pool.rows("select min(due_at) as at from timer where kind <> 'presence-lost'")
            if row.at is None or row.at > until:
                pool.now = until
                return
            pool.now = max(pool.now, row.at)
            async with pool.engine.begin() as tx:
                due = text("update timer set due_at = now() where kind <> 'presence-lost' and due_at <= :now")
                await tx.execute(due, {"now": pool.now})
            await pool.fire()
        raise AssertionError("timers are due again and again")

    async def apply(self, case: CaseHistory, event: Event, *, awaits: bool, at_once: bool) -> None:
        """Applies an event of a case. With `at_once` its work is offered in the same transaction, the rest by passes that follow."""
        before = await read_moment(self.pool) if at_once else None
        await self.pool.apply(event, at_once=at_once)
        if before is not None:
            while await self.pool.assign():
                pass
            assert_offered_in_order(before, await read_moment(self.pool))
        self.applied.append(event)
        self.cases[case.case.case_id] = case
        (self.awaits.add if awaits else self.awaits.discard)(case.case.case_id)

    async def do(self, verb: str, n: int, m: int) -> None:
        """Does one action; nothing when it is not possible now."""
        pool, before = self.pool, await read_moment(self.pool)
        who = AGENTS[n % len(AGENTS)]
        unfinished = sorted(
            (w for w in before.works.values() if w.completed_at is None), key=lambda w: w.case_reference
        )
        work = unfinished[m % len(unfinished)] if unfinished else None
        if verb in _CASE_VERBS:
            return await self._case_event(verb, n, m)
        if verb in _AGENT_VERBS:
            return await _AGENT_VERBS[verb](self, who, m)
        if verb in _WORK_VERBS and work is not None:
            return await _WORK_VERBS[verb](self, who, work)
        if verb == "assign":
            while await pool.assign():  # until a pass makes no offer
                pass
            assert_offered_in_order(before, await read_moment(pool))
        elif verb == "next":
            await self._next(before, who)
        elif verb in {"wait", "wait long"}:
            await self.wait(m if verb == "wait" else m * 20)
        elif verb in {"close", "reopen"}:
            await put_state(pool, QUEUES[n % 2], QueueState.CLOSED if verb == "close" else QueueState.OPEN)
            await self.wait(0)
        return None

    async def _case_event(self, verb: str, n: int, m: int) -> None:
        pool, cases = self.pool, list(self.cases.values())
        if verb == "open case" and len(cases) < 14:
            case = CaseHistory(len(cases) + 1, pool.now, DEPARTMENTS[n % len(DEPARTMENTS)])  # pyright: ignore[reportArgumentType]
            interaction = case.opened.interaction.model_copy(
                update={"channel": "phone" if m % 3 == 0 else "email"}
            )
            return await self.apply(
                case,
                case.opened.model_copy(update={"interaction": interaction}),
                awaits=True,
                at_once=m % 4 < 2,
            )
        if not cases or verb == "open case":
            return None
        case = cases[n % len(cases)]
        if verb == "repeat event":
            before = await fingerprint(pool)
            await pool.apply(self.applied[m % len(self.applied)])
            assert await fingerprint(pool) == before
            return None
        events: dict[str, Callable[[], Event]] = {
            "write again": lambda: case.interaction_added(pool.now), "answer": case.reply_requested, "resolve": lambda: case.status_changed("resolved"),
            "fail": lambda: case.reply_failed(pool.now),
        }  # fmt: skip
        return await self.apply(
            case, events[verb](), awaits=verb in {"write again", "fail"}, at_once=m % 4 < 2
        )

    async def _next(self, before: Moment, who: str) -> None:
        if (
            before.presence.get(who) not in before.active.configuration.routable
            or who not in before.active.configuration.agents_by_id
        ):
            return
        if before.capacity(who) <= before.load(who):
            assert await self.pool.take_next(who) == 409
            return
        expected = expected_pull(before, who)
        assert await self.pool.take_next(who) == expected
        if expected is not None:
            after = await read_moment(self.pool)
            assert (after.works[expected].state, after.works[expected].agent_id) == (ACCEPTED, who)
            assert_allowed(after, who, after.works[expected])

    async def present(self, who: str, m: int) -> None:
        if who in (await self._employed()):
            await self.pool.present(who, Presence.AVAILABLE if m % 4 else Presence.AWAY)

    async def leave(self, who: str, _: int) -> None:
        if who in (await self._employed()):
            await self.pool.present(who, Presence.OFFLINE)

    async def send_heartbeat(self, who: str, _: int) -> None:
        await heartbeat(self.pool, who)

    async def lose_heartbeat(self, who: str, _: int) -> None:
        await miss_heartbeats(self.pool, 121, who)

    async def skills(self, who: str, m: int) -> None:
        self.changes[f"skills {who}"] = _if_employed(
            who, skills={"planning": 1 + m % 9, "rates": 1 + m * 3 % 9}
        )
        await self.organise()

    async def queues(self, who: str, m: int) -> None:
        queues = [name for place, name in enumerate(QUEUES) if (m + 1) >> place & 1] or ["planning"]
        self.changes[f"queues {who}"] = _if_employed(who, queues=queues)
        await self.organise()

    async def capacity(self, who: str, m: int) -> None:
        self.changes[f"capacity {who}"] = _if_employed(who, capacity=1 + m % 4)
        await self.organise()

    async def remove_agent(self, who: str, m: int) -> None:
        key = f"~remove {who}"
        if m % 2 and key in self.changes:
            del self.changes[key]
        else:
            self.changes[key] = _without(who)
        self.changes = dict(
            sorted(self.changes.items())
        )  # the removal of an agent comes after the changes of agents
        await self.organise()

    async def absent(self, who: str, m: int) -> None:
        """The document says that the agent is absent: soon, now, or already over."""
        begins = self.pool.now + timedelta(minutes=5 * m - 30)
        ends = begins + timedelta(minutes=15 * (1 + m % 4))
        absence = {"from": begins.isoformat(), "until": ends.isoformat()}
        self.changes[f"absences {who}"] = _if_employed(who, absences=[absence])
        await self.organise()

    async def move(self, who: str, m: int) -> None:
        """The document says that the agent changes the queue in a while."""
        at = (self.pool.now + timedelta(minutes=5 * m)).isoformat()
        one, other = QUEUES[m % 4], QUEUES[(m + 1) % 4]
        queues = [{"queue": one, "until": at}, {"queue": other, "from": at}]
        self.changes[f"queues {who}"] = _if_employed(who, queues=queues)
        await self.organise()

    async def employ(self, who: str, m: int) -> None:
        """The document says that the agent comes or leaves in a while."""
        at = (self.pool.now + timedelta(minutes=5 * m - 30)).isoformat()
        ends = {"from": at, "until": "2199-01-01"} if m % 2 else {"from": "1999-01-01", "until": at}
        self.changes[f"employed {who}"] = _if_employed(who, **ends)
        await self.organise()

    async def _employed(self) -> set[str]:
        async with self.pool.engine.connect() as connection:
            return set((await self.pool.active(connection)).configuration.agents_by_id)

    async def accept(self, _: str, work: AnyRow) -> None:
        for offer in (await self.pool.pending()).get(work.agent_id or "", []):
            await self.pool.accept(offer, work.agent_id)

    async def decline(self, _: str, work: AnyRow) -> None:
        for offer in (await self.pool.pending()).get(work.agent_id or "", [])[:1]:
            await self.pool.decline_if_theirs(offer, work.agent_id)

    async def complete(self, _: str, work: AnyRow) -> None:
        if work.state == ACCEPTED:
            await self.pool.complete(work.agent_id, work.work_item_id)
            self.awaits.discard(work.case_id)

    async def pick(self, who: str, work: AnyRow) -> None:
        if who in (await self._employed()) and await self.pool.pick(who, work.work_item_id) == 200:
            after = await read_moment(self.pool)
            assert work.state == QUEUED
            assert after.works[work.work_item_id].agent_id == who
            # An agent may pick work that is held for another, and in any presence.
            assert after.is_qualified(who, after.works[work.work_item_id])
            assert after.load(who) <= after.capacity(who) or len(after.held(who)) == 1

    async def assign_to(self, who: str, work: AnyRow) -> None:
        if who in (await self._employed()):
            await self.pool.assign_to(who, work.work_item_id)

    async def transfer(self, who: str, work: AnyRow) -> None:
        await self.pool.transfer(work.work_item_id, QUEUES[AGENTS.index(who)])

    async def offer_to(self, who: str, work: AnyRow) -> None:
        """A supervisor offers the work to an agent, or makes it wait for them."""
        if who in (await self._employed()):
            await self.pool.offer_to(who, work.work_item_id, wait=work.attempts % 2 == 0)

    async def take_back(self, _: str, work: AnyRow) -> None:
        await self.pool.take_back(work.work_item_id)

    async def reprioritise(self, who: str, work: AnyRow) -> None:
        await self.pool.reprioritise(work.work_item_id, (AGENTS.index(who) * 30 + work.attempts * 7) % 101)


def _if_employed(who: str, **settings: Any) -> Change:
    def change(organisation: dict[str, Any]) -> None:
        for each in organisation["people"]:
            if each["id"] == who:
                each.update(settings)

    return change


def _without(who: str) -> Change:
    def change(organisation: dict[str, Any]) -> None:
        organisation["people"] = [each for each in organisation["people"] if each["id"] != who]

    return change


_CASE_VERBS = {"open case", "write again", "answer", "resolve", "fail", "repeat event"}
_AGENT_VERBS: dict[str, Callable[[RandomDay, str, int], Awaitable[None]]] = {
    "present": RandomDay.present, "leave": RandomDay.leave, "heartbeat": RandomDay.send_heartbeat, "lose heartbeat": RandomDay.lose_heartbeat,
    "skills": RandomDay.skills, "queues": RandomDay.queues, "capacity": RandomDay.capacity, "remove agent": RandomDay.remove_agent,
    "absent": RandomDay.absent, "move": RandomDay.move, "employ": RandomDay.employ,
}  # fmt: skip
_WORK_VERBS: dict[str, Callable[[RandomDay, str, AnyRow], Awaitable[None]]] = {
    "accept": RandomDay.accept, "decline": RandomDay.decline, "complete": RandomDay.complete, "pick": RandomDay.pick, "assign to": RandomDay.assign_to,
    "transfer": RandomDay.transfer, "offer to": RandomDay.offer_to, "take back": RandomDay.take_back, "reprioritise": RandomDay.reprioritise,
}  # fmt: skip
