"""Anything that happens on a pool, verb by verb, and the cases that await an answer as the test itself knows it."""

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
from tests.support.routing.case_history import MONDAY, CaseHistory, Promises, promising, within
from tests.support.routing.configured import ACCEPTED, QUEUED, Changed, agent, queue, section
from tests.support.routing.invariants import (
    Moment,
    assert_fairly_given,
    assert_may_have,
    fingerprint,
    look,
    next_for,
)
from tests.support.routing.presence import heartbeat, silence
from tests.support.routing.queues import put_state

PEOPLE = ("elena", "farid", "bruno", "dev")
QUEUES = ("planning", "front-desk", "rates", "roads")
DEPARTMENTS = ("planning", "planning", "rates", None)
ORGANISED: tuple[Changed, ...] = (
    promising(next_response=within(2), resolution=within(30), warn_at=["50%"], on_warning={"priority": 60},
              on_breach={"labels": ["overdue"], "priority": 95}, targets=[{"priority": 80, "first_response": within(1)}]),
    section("channel_units", {"phone": 2}),
    section("agents_policy", {"prefer_last_agent": {"for": "2h", "wait_at_most": "5m"}}),
    queue("planning", offer_timeout="10m", may_pick=True, wrap_up="3m",
          steps=[{"after": "30m", "lower": {"planning": 1}}, {"after": "90m", "add_queue": "front-desk", "needs": {}}]),
    queue("rates", offer_timeout="10m"),
    queue("front-desk", offer_timeout="5m", may_pick=True),
    agent("elena", capacity=1),
    agent("farid", auto_accept=True, capacity=2),
    agent("bruno", capacity=1, queues=["planning", "front-desk"], skills={"planning": 4, "rates": 2}),
    agent("dev", capacity=2, queues=["rates", "planning"], skills={"planning": 2, "rates": 6}),
)  # fmt: skip
VERBS = (
    "come", "come", "speak", "settle", "resolve", "fail", "hear again", "present", "present", "leave", "beat", "fall silent",
    "assign", "accept", "accept", "decline", "complete", "next", "pick", "give", "hand on", "hand to",
    "take back", "reprioritise", "reprioritise", "wait", "wait", "wait long", "skills", "queues", "capacity", "close", "reopen", "let go",
)  # fmt: skip


class Crashed(Exception):  # noqa: N818
    """The process died before it could commit."""


class Dying:
    """An engine whose transactions end before they are committed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        async with self._engine.begin() as tx:
            yield tx
            raise Crashed

    def connect(self) -> AsyncConnection:
        return self._engine.connect()


class RandomDay:
    """A pool on which anything happens, and the cases that await an answer as this side knows it."""

    def __init__(self, pool: Promises) -> None:
        self.pool = pool
        self.cases: dict[UUID, CaseHistory] = {}
        self.awaits: set[UUID] = set()
        self.heard: list[Event] = []
        self.changed: dict[str, Changed] = {}
        self.checked: dict[UUID, int] = {}

    async def begin(self) -> None:
        """An empty house, whoever was there before."""
        pool = self.pool
        async with pool.engine.begin() as tx:
            all_tables = [table for table in store.base.METADATA.tables if table != "configuration"]
            emptied = ", ".join(f"t_{n} as (delete from {table})" for n, table in enumerate(all_tables))
            await tx.execute(text(f"with {emptied} select 1"))
        pool.now = MONDAY
        await self.organise()
        for who in PEOPLE:
            await pool.present(who)
        for n in range(6):
            await self.do("come", n, n)
            await self.wait(1)

    async def organise(self) -> None:
        """Configured as it was at first, but for what was changed since."""
        await self.pool.organise(*ORGANISED, *self.changed.values())
        await self.wait(0)
        async with self.pool.engine.begin() as tx:
            while await clocks.recompute_changed_policies(tx, self.pool.configurations, self.pool.now):
                pass

    async def wait(self, minutes: int) -> None:
        """Time passes from one timer to the next, and each fires when it is due."""
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
        """News of a case; `at_once`, its work is offered by who hears of it, and the rest by the pass that follows."""
        before = await look(self.pool) if at_once else None
        await self.pool.apply(event, at_once=at_once)
        if before is not None:
            while await self.pool.assign():
                pass
            assert_fairly_given(before, await look(self.pool))
        self.heard.append(event)
        self.cases[case.case.case_id] = case
        (self.awaits.add if awaits else self.awaits.discard)(case.case.case_id)

    async def do(self, verb: str, n: int, m: int) -> None:
        """One thing that happens; nothing when it can't now."""
        pool, before = self.pool, await look(self.pool)
        who = PEOPLE[n % len(PEOPLE)]
        unfinished = sorted(
            (w for w in before.works.values() if w.completed_at is None), key=lambda w: w.case_reference
        )
        work = unfinished[m % len(unfinished)] if unfinished else None
        if verb in _OF_CASES:
            return await self._news(verb, n, m)
        if verb in _OF_PEOPLE:
            return await _OF_PEOPLE[verb](self, who, m)
        if verb in _OF_WORK and work is not None:
            return await _OF_WORK[verb](self, who, work)
        if verb == "assign":
            while await pool.assign():  # as it is woken again, or looks anyway
                pass
            assert_fairly_given(before, await look(pool))
        elif verb == "next":
            await self._next(before, who)
        elif verb in {"wait", "wait long"}:
            await self.wait(m if verb == "wait" else m * 20)
        elif verb in {"close", "reopen"}:
            await put_state(pool, QUEUES[n % 2], QueueState.CLOSED if verb == "close" else QueueState.OPEN)
            await self.wait(0)
        return None

    async def _news(self, verb: str, n: int, m: int) -> None:
        pool, known = self.pool, list(self.cases.values())
        if verb == "come" and len(known) < 14:
            case = CaseHistory(len(known) + 1, pool.now, DEPARTMENTS[n % len(DEPARTMENTS)])  # pyright: ignore[reportArgumentType]
            said = case.opened.interaction.model_copy(update={"channel": "phone" if m % 3 == 0 else "email"})
            return await self.apply(
                case, case.opened.model_copy(update={"interaction": said}), awaits=True, at_once=m % 4 < 2
            )
        if not known or verb == "come":
            return None
        case = known[n % len(known)]
        if verb == "hear again":
            was = await fingerprint(pool)
            await pool.apply(self.heard[m % len(self.heard)])
            assert await fingerprint(pool) == was
            return None
        told: dict[str, Callable[[], Event]] = {
            "speak": lambda: case.spoke(pool.now), "settle": case.wrote, "resolve": lambda: case.set("resolved"),
            "fail": lambda: case.failed(pool.now),
        }  # fmt: skip
        return await self.apply(case, told[verb](), awaits=verb in {"speak", "fail"}, at_once=m % 4 < 2)

    async def _next(self, before: Moment, who: str) -> None:
        if (
            before.presence.get(who) not in before.active.configuration.routable
            or who not in before.active.configuration.agents_by_id
        ):
            return
        if before.capacity(who) <= before.load(who):
            assert await self.pool.take_next(who) == 409
            return
        expected = next_for(before, who)
        assert await self.pool.take_next(who) == expected
        if expected is not None:
            after = await look(self.pool)
            assert (after.works[expected].state, after.works[expected].agent_id) == (ACCEPTED, who)
            assert_may_have(after, who, after.works[expected])

    async def present(self, who: str, m: int) -> None:
        if who in (await self._employed()):
            await self.pool.present(who, Presence.AVAILABLE if m % 4 else Presence.AWAY)

    async def leave(self, who: str, _: int) -> None:
        if who in (await self._employed()):
            await self.pool.present(who, Presence.OFFLINE)

    async def beat(self, who: str, _: int) -> None:
        await heartbeat(self.pool, who)

    async def fall_silent(self, who: str, _: int) -> None:
        await silence(self.pool, 61, who)

    async def skills(self, who: str, m: int) -> None:
        self.changed[f"skills {who}"] = _if_there(who, skills={"planning": 1 + m % 9, "rates": 1 + m * 3 % 9})
        await self.organise()

    async def queues(self, who: str, m: int) -> None:
        mine = [name for place, name in enumerate(QUEUES) if (m + 1) >> place & 1] or ["planning"]
        self.changed[f"queues {who}"] = _if_there(who, queues=mine)
        await self.organise()

    async def capacity(self, who: str, m: int) -> None:
        self.changed[f"capacity {who}"] = _if_there(who, capacity=1 + m % 4)
        await self.organise()

    async def let_go(self, who: str, m: int) -> None:
        key = f"~let go {who}"
        if m % 2 and key in self.changed:
            del self.changed[key]
        else:
            self.changed[key] = _without(who)
        self.changed = dict(sorted(self.changed.items()))  # who is gone is changed no more
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
            after = await look(self.pool)
            assert work.state == QUEUED
            assert after.works[work.work_item_id].agent_id == who
            # Neither whom it waits for nor being away from the desk keeps who asks for it by name.
            assert after.may(who, after.works[work.work_item_id])
            assert after.load(who) <= after.capacity(who) or len(after.held(who)) == 1

    async def give(self, who: str, work: AnyRow) -> None:
        if who in (await self._employed()):
            await self.pool.give(who, work.work_item_id)

    async def hand_on(self, who: str, work: AnyRow) -> None:
        await self.pool.hand_on(work.work_item_id, QUEUES[PEOPLE.index(who)])

    async def hand_to(self, who: str, work: AnyRow) -> None:
        """Offered to one agent by a supervisor, whatever they hold; who is away from their harness would not see it."""
        there = (await look(self.pool)).presence.get(who, "offline") != "offline"
        if there and who in (await self._employed()):
            await self.pool.offer(who, work.work_item_id)

    async def take_back(self, _: str, work: AnyRow) -> None:
        await self.pool.take_back(work.work_item_id)

    async def reprioritise(self, who: str, work: AnyRow) -> None:
        await self.pool.reprioritise(work.work_item_id, (PEOPLE.index(who) * 30 + work.attempts * 7) % 101)


def _if_there(who: str, **given: Any) -> Changed:
    def change(organisation: dict[str, Any]) -> None:
        for one in organisation["agents"]:
            if one["id"] == who:
                one.update(given)

    return change


def _without(who: str) -> Changed:
    def change(organisation: dict[str, Any]) -> None:
        organisation["agents"] = [one for one in organisation["agents"] if one["id"] != who]

    return change


_OF_CASES = {"come", "speak", "settle", "resolve", "fail", "hear again"}
_OF_PEOPLE: dict[str, Callable[[RandomDay, str, int], Awaitable[None]]] = {
    "present": RandomDay.present, "leave": RandomDay.leave, "beat": RandomDay.beat, "fall silent": RandomDay.fall_silent,
    "skills": RandomDay.skills, "queues": RandomDay.queues, "capacity": RandomDay.capacity, "let go": RandomDay.let_go,
}  # fmt: skip
_OF_WORK: dict[str, Callable[[RandomDay, str, AnyRow], Awaitable[None]]] = {
    "accept": RandomDay.accept, "decline": RandomDay.decline, "complete": RandomDay.complete, "pick": RandomDay.pick, "give": RandomDay.give,
    "hand on": RandomDay.hand_on, "hand to": RandomDay.hand_to, "take back": RandomDay.take_back, "reprioritise": RandomDay.reprioritise,
}  # fmt: skip
