"""Whatever people do, one after the other or at once: no item is lost or with two, and each goes to who can take it, in order."""

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
from tests.support.routing.case_history import Promises
from tests.support.routing.configured import ACCEPTED, OFFERED, QUEUED, AgentPool, agent, queue, section
from tests.support.routing.harness import opened
from tests.support.routing.invariants import assert_clocks, assert_whole, fingerprint, look
from tests.support.routing.presence import heartbeat
from tests.support.routing.random_day import PEOPLE, VERBS, Crashed, Dying, RandomDay

ITEMS, EXAMPLES, SEARCHED = 40, 5, 150
step = st.tuples(
    st.sampled_from(VERBS), st.integers(0, 20), st.integers(0, 20), st.sampled_from([False] * 6 + [True])
)
steps = st.lists(step, min_size=20, max_size=50)


async def test_whatever_happens_no_work_is_lost_or_doubled_and_each_goes_to_who_can_take_it_in_order(
    new_database: NewDatabase,
) -> None:
    pool = Promises(await new_database("routing"))
    loop = asyncio.get_running_loop()

    many = EXAMPLES if settings().derandomize else SEARCHED

    # What is found is shown as it is: to find the least that does it takes hundreds of examples.
    @settings(
        max_examples=many,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(steps)
    def holds(found: list[tuple[str, int, int, bool]]) -> None:
        try:
            asyncio.run_coroutine_threadsafe(_play(pool, found), loop).result()
        except AssertionError as error:
            error.add_note(f"after {found}")
            raise

    await asyncio.to_thread(holds)


async def _play(pool: Promises, found: Sequence[tuple[str, int, int, bool]]) -> None:
    play = RandomDay(pool)
    await play.begin()
    for verb, n, m, dies in found:
        if dies and verb not in {"wait", "wait long", "hear again"}:
            await _die(play, verb, n, m)
        await play.do(verb, n, m)
        await assert_whole(pool, await look(pool), play.awaits)
        await assert_clocks(pool, play.checked)
        if n % 2:  # what changes wakes the assignment
            await play.do("assign", n, m)
            await assert_whole(pool, await look(pool), play.awaits)
    await _assert_told(pool)
    async with pool.engine.begin() as tx:
        await reconciliation.run_part(tx, pool.configurations, pool.now)
    assert await pool.rows("select kind, detail from finding") == []


async def _die(play: RandomDay, verb: str, n: int, m: int) -> None:
    """The same, by a process that dies before it commits: nothing has happened."""
    pool, real = play.pool, play.pool.engine
    known = (dict(play.cases), set(play.awaits), list(play.heard), dict(play.changed))
    facts = {case_id: told.case for case_id, told in play.cases.items()}
    was, at = await fingerprint(pool), pool.now
    pool.engine = Dying(real)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        await play.do(verb, n, m)
    except Crashed:
        pass
    finally:
        pool.engine, pool.now = real, at
    play.cases, play.awaits, play.heard, play.changed = known
    for case_id, told in play.cases.items():
        told.case = facts[case_id]
    assert await fingerprint(pool) == was


async def _assert_told(pool: AgentPool) -> None:
    """What was told of each item last is how it stands."""
    last = await pool.rows(
        "select distinct on (item) item, work->>'state' as state, work->>'agent_id' as agent_id, work->>'queue' as queue "
        "from (select id, w as work, (w->>'work_item_id')::uuid as item from (select id, convert_from(value, 'utf8')::jsonb->'work' as w "
        "from outbox where topic = 'work') o) p order by item, id desc"
    )
    works = await pool.rows("select work_item_id, state, agent_id, queue from work_item")
    assert {tuple(row) for row in last} == {tuple(row) for row in works}


async def _one(pool: AgentPool, dice: random.Random, coming: Iterator[CaseOpened]) -> None:
    """One of the verbs, by one of the people, on some of the work; or somebody writes."""
    who = dice.choice(PEOPLE[:2])
    held = [row for row in (await pool.works()).values() if row.state in {OFFERED, ACCEPTED}]
    waiting = [row for row in (await pool.works()).values() if row.state == QUEUED]
    offers = [(one, offer) for one, given in (await pool.pending()).items() for offer in given]
    verbs: list[Callable[[], Awaitable[object]]] = [
        pool.assign,
        pool.assign,
        lambda: pool.take_next(who),
        lambda: pool.present(who, dice.choice([Presence.AVAILABLE, Presence.AVAILABLE, Presence.OFFLINE])),
        lambda: heartbeat(pool, who),
        lambda: pool.make_due("presence-lost"),
        lambda: pool.make_due("offer-expiry"),
        *[lambda: pool.apply(*itertools.islice(coming, 1), at_once=True)] * 2,
    ]
    if waiting:
        item = dice.choice(waiting)
        verbs += [
            lambda: pool.pick(who, item.work_item_id),
            lambda: pool.reprioritise(item.work_item_id, dice.randint(0, 100)),
        ]
    if held:
        taken = dice.choice(held)
        verbs += [lambda: pool.take_back(taken.work_item_id)]
        if taken.state == ACCEPTED:
            verbs += [lambda: pool.complete_if_theirs(taken.agent_id, taken.work_item_id)]
    if offers:
        one, offer = dice.choice(offers)
        verbs += [lambda: pool.accept(offer, one), lambda: pool.decline_if_theirs(offer, one)]
    await dice.choice(verbs)()


@pytest.mark.parametrize(("seed", "waiting"), [(1, ITEMS), (2, 0)])
async def test_whatever_people_do_at_once_work_is_whole(
    new_database: NewDatabase, seed: int, waiting: int
) -> None:
    pool = AgentPool(await new_database("routing"))
    await pool.organise(
        queue("planning", may_pick=True),
        agent("farid", auto_accept=True),
        section("channel_units", {"email": 1}),
    )
    cases = [opened(n, pool.now, waited=n) for n in range(1, ITEMS + 1)]
    coming = iter(cases[waiting:])
    await pool.apply(*cases[:waiting])
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(25):
        await asyncio.gather(*(_one(pool, dice, coming) for _ in range(8)))
        moment = await look(pool)
        assert len(moment.works) >= waiting
        await assert_whole(pool, moment, [w.case_id for w in moment.works.values() if w.completed_at is None])
        assert all(moment.load(who) <= moment.capacity(who) for who in moment.presence)
