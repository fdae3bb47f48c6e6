"""Invariants of work under random actions, one after the other and at once: nothing is lost or doubled, and order and capacity hold."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from antiphon.contracts.agents import Presence
from antiphon.contracts.cases import CaseOpened
from routing.work import reconciliation
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.case_history import TimedPool
from tests.support.routing.harness import opened
from tests.support.routing.invariants import assert_clocks, assert_consistent, fingerprint, read_moment
from tests.support.routing.organisation import agent, queue, section
from tests.support.routing.presence import heartbeat
from tests.support.routing.random_day import AGENTS, VERBS, CrashError, CrashingEngine, RandomDay

ITEMS, EXAMPLES, SEARCHED = 40, 5, 150
step = st.tuples(
    st.sampled_from(VERBS), st.integers(0, 20), st.integers(0, 20), st.sampled_from([False] * 6 + [True])
)
steps = st.lists(step, min_size=20, max_size=50)


async def test_in_any_sequence_no_work_is_lost_doubled_or_offered_out_of_order(
    new_database: NewDatabase,
) -> None:
    pool = TimedPool(await new_database("routing"))
    loop = asyncio.get_running_loop()

    many = EXAMPLES if settings().derandomize else SEARCHED

    # A failing example is not shrunk: that would take hundreds of examples.
    @settings(
        max_examples=many,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(steps)
    def holds(played: list[tuple[str, int, int, bool]]) -> None:
        try:
            asyncio.run_coroutine_threadsafe(_play(pool, played), loop).result()
        except AssertionError as error:
            error.add_note(f"after {played}")
            raise

    await asyncio.to_thread(holds)


async def _play(pool: TimedPool, played: Sequence[tuple[str, int, int, bool]]) -> None:
    play = RandomDay(pool)
    await play.begin()
    for verb, n, m, crashes in played:
        if crashes and verb not in {"wait", "wait long", "repeat event"}:
            await _crash(play, verb, n, m)
        await play.do(verb, n, m)
        await assert_consistent(pool, await read_moment(pool), play.awaits)
        await assert_clocks(pool, play.checked)
        if n % 2:  # a change wakes the assignment
            await play.do("assign", n, m)
            await assert_consistent(pool, await read_moment(pool), play.awaits)
    await _assert_published(pool)
    async with pool.engine.begin() as tx:
        await reconciliation.run_part(tx, pool.configurations, pool.now)
    assert await pool.rows("select kind, detail from finding") == []


async def _crash(play: RandomDay, verb: str, n: int, m: int) -> None:
    """Does an action in a process that dies before it commits; asserts that nothing has changed."""
    pool, real = play.pool, play.pool.engine
    record = (dict(play.cases), set(play.awaits), list(play.applied), dict(play.changes))
    facts = {case_id: case.case for case_id, case in play.cases.items()}
    before, now = await fingerprint(pool), pool.now
    pool.engine = CrashingEngine(real)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        await play.do(verb, n, m)
    except CrashError:
        pass
    finally:
        pool.engine, pool.now = real, now
    play.cases, play.awaits, play.applied, play.changes = record
    for case_id, case in play.cases.items():
        case.case = facts[case_id]
    assert await fingerprint(pool) == before


async def _assert_published(pool: AgentPool) -> None:
    """Asserts that the newest event of each item has its current state."""
    last = await pool.rows(
        "select distinct on (item) item, work->>'state' as state, work->>'agent_id' as agent_id, work->>'queue' as queue "
        "from (select id, w as work, (w->>'work_item_id')::uuid as item from (select id, convert_from(value, 'utf8')::jsonb->'work' as w "
        "from outbox where topic = 'work') o) p order by item, id desc"
    )
    works = await pool.rows("select work_item_id, state, agent_id, queue from work_item")
    assert {tuple(row) for row in last} == {tuple(row) for row in works}


async def _random_action(pool: AgentPool, dice: random.Random, new_cases: Iterator[CaseOpened]) -> None:
    """A random action of a random agent on random work, or a new case."""
    who = dice.choice(AGENTS[:2])
    held = [row for row in (await pool.works()).values() if row.state in {OFFERED, ACCEPTED}]
    waiting = [row for row in (await pool.works()).values() if row.state == QUEUED]
    offers = [(agent_id, offer) for agent_id, ids in (await pool.pending()).items() for offer in ids]
    actions: list[Callable[[], Awaitable[object]]] = [
        pool.assign,
        pool.assign,
        lambda: pool.take_next(who),
        lambda: pool.present(who, dice.choice([Presence.AVAILABLE, Presence.AVAILABLE, Presence.OFFLINE])),
        lambda: heartbeat(pool, who),
        lambda: pool.make_due("presence-lost"),
        lambda: pool.make_due("offer-expiry"),
        *[lambda: pool.apply(*itertools.islice(new_cases, 1), at_once=True)] * 2,
    ]
    if waiting:
        item = dice.choice(waiting)
        actions += [
            lambda: pool.pick(who, item.work_item_id),
            lambda: pool.reprioritise(item.work_item_id, dice.randint(0, 100)),
        ]
    if held:
        taken = dice.choice(held)
        actions += [lambda: pool.take_back(taken.work_item_id)]
        if taken.state == ACCEPTED:
            actions += [lambda: pool.complete_if_theirs(taken.agent_id, taken.work_item_id)]
    if offers:
        asked, offer = dice.choice(offers)
        actions += [lambda: pool.accept(offer, asked), lambda: pool.decline_if_theirs(offer, asked)]
    await dice.choice(actions)()


@pytest.mark.parametrize(("seed", "waiting"), [(1, ITEMS), (2, 0)])
async def test_under_concurrent_actions_no_work_is_lost_or_doubled(
    new_database: NewDatabase, seed: int, waiting: int
) -> None:
    pool = AgentPool(await new_database("routing"))
    await pool.organise(
        queue("planning", may_pick=True),
        agent("farid", auto_accept=True),
        section("channel_units", {"email": 1}),
    )
    cases = [opened(n, pool.now, waited=n) for n in range(1, ITEMS + 1)]
    new_cases = iter(cases[waiting:])
    await pool.apply(*cases[:waiting])
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(25):
        await asyncio.gather(*(_random_action(pool, dice, new_cases) for _ in range(8)))
        moment = await read_moment(pool)
        assert len(moment.works) >= waiting
        await assert_consistent(
            pool, moment, [w.case_id for w in moment.works.values() if w.completed_at is None]
        )
        assert all(moment.load(who) <= moment.capacity(who) for who in moment.presence)
