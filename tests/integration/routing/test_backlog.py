"""Work is found however much waits before it, and an assignment reads rows in proportion to the free agents."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.kafka.consumer import Received
from antiphon.postgres.query import as_json
from antiphon.postgres.writes import insert_rows
from routing import store
from routing.intake import cases
from routing.work import assignment, pulling
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, AgentPool
from tests.support.routing.backlog import ROWS_READ, Kind, add_waiting
from tests.support.routing.harness import AGAIN_AFTER, opened, received
from tests.support.routing.organisation import agent, queue, section
from tests.support.statements import counted

SKILLS, QUEUES, RULES, AGENTS = 100, 20, 200, 1000


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def test_work_with_a_rare_skill_is_offered_however_much_waits_before_it(pool: AgentPool) -> None:
    await add_waiting(pool, [Kind("planning", {"planning": 10})], 5_000, before=3600)
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].state == OFFERED


async def test_an_agent_who_pulls_gets_suitable_work_however_much_waits_before_it(pool: AgentPool) -> None:
    await add_waiting(pool, [Kind("planning", {"planning": 10})], 5_000, before=3600)
    await pool.apply(opened(1, pool.now))
    await pool.present("elena", Presence.AWAY)
    assert await pool.take_next("elena") == (await pool.works())["C-1"].work_item_id
    assert await pool.take_next("elena") is None


async def test_work_that_all_free_agents_declined_does_not_hide_the_work_behind_it(pool: AgentPool) -> None:
    await pool.organise(agent("elena", capacity=1), agent("farid", capacity=1))
    declined = 3 * 1000 + 7  # more than a page
    await add_waiting(pool, [Kind("planning", {})], declined, before=3600)
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.present("farid")
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set attempts = 1 where case_reference like 'B-%'"))
        await tx.execute(
            text(
                "insert into offer (offer_id, work_item_id, agent_id, agent_name, offered_at, expires_at, result, ended_at) "
                "select gen_random_uuid(), work_item_id, 'elena', 'Elena', :now, :now, 'declined', :now from work_item "
                "where attempts = 1"
            ),
            {"now": pool.now},
        )
        # Farid declined none and is busy: the work that Elena declined waits for him.
        await tx.execute(
            text(
                "update work_item set state = 'accepted', agent_id = 'farid' where work_item_id = "
                "(select work_item_id from work_item where attempts = 1 limit 1)"
            )
        )
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].agent_id == "elena"


async def test_of_several_lines_the_most_urgent_goes_first_also_beyond_a_page(pool: AgentPool) -> None:
    """An agent who can take more than a page of each line gets the most urgent work of all lines."""
    lines = 60
    await pool.organise(
        lambda organisation: organisation["skills"].update({f"s{n}": f"Skill {n}" for n in range(lines)}),
        agent("elena", capacity=100, skills={f"s{n}": 5 for n in range(lines)}),
    )
    # One line has all the most urgent work.
    await add_waiting(pool, [Kind("planning", {f"s{n}": 1}) for n in range(1, lines)], 2_000)
    await add_waiting(pool, [Kind("planning", {"s0": 1})], 300, before=7200)
    await pool.present("elena")
    while await pool.assign():
        pass
    rows = await pool.rows("select skills from work_item where state = 'offered'")
    assert [row.skills for row in rows] == [{"s0": 1}] * 100


async def test_work_with_added_queues_is_offered_to_their_agents_in_its_order(pool: AgentPool) -> None:
    await add_waiting(pool, [Kind("planning", {"planning": 10})], 3_000, before=3600)
    await pool.apply(opened(1, pool.now, waited=20), opened(2, pool.now, department="rates", waited=30))
    async with pool.engine.begin() as tx:
        await tx.execute(
            text(
                "update work_item set also_queues = '{roads,rates}', skills = '{}' where case_reference = 'C-1'"
            )
        )
    await pool.organise(agent("amara", capacity=1))
    await pool.present("amara")
    assert await pool.take_next("amara") == (await pool.works())["C-2"].work_item_id
    await pool.complete("amara", (await pool.works())["C-2"].work_item_id)
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].agent_id == "amara"


async def test_the_order_follows_priority_and_a_transfer(pool: AgentPool) -> None:
    await pool.organise(
        queue("planning", head_start="2m"), queue("rates", longest_wait="30m", head_start="0s")
    )
    await pool.apply(opened(1, pool.now, waited=30), opened(2, pool.now))
    works = await pool.works()
    assert works["C-1"].order_at == works["C-1"].due_at - timedelta(minutes=80)
    await pool.reprioritise(works["C-2"].work_item_id, 89)  # from 90 on another target applies
    after = await pool.works()
    assert after["C-2"].order_at == works["C-2"].order_at - timedelta(minutes=98)
    assert after["C-2"].need == works["C-2"].need
    await pool.transfer(works["C-1"].work_item_id, "rates")
    moved = (await pool.works())["C-1"]
    assert moved.order_at == moved.queued_at + timedelta(minutes=30)
    assert moved.need != works["C-1"].need


@pytest.mark.parametrize("by", ["pass", "pull"])
async def test_08_work_that_waited_its_longest_wait_is_next_beside_a_stream_of_priority_95(
    pool: AgentPool, by: str
) -> None:
    await pool.organise(
        queue("planning", longest_wait="30m", head_start="1d"), agent("elena", capacity=1), agent("farid", skills={})
    )  # fmt: skip
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.reprioritise((await pool.works())["C-1"].work_item_id, 0)

    async def next_of_two_more(number: int) -> str:
        """Two cases of priority 95 come; the one that Elena gets next, and finishes."""
        await pool.apply(opened(number, pool.now), opened(number + 1, pool.now))
        for one in (number, number + 1):
            await pool.reprioritise((await pool.works())[f"C-{one}"].work_item_id, 95)
        if by == "pass":
            assert await pool.assign() == 1
            await pool.accept_all()
        else:
            assert await pool.take_next("elena") is not None
        (mine,) = [row for row in (await pool.works()).values() if row.state == ACCEPTED]
        await pool.complete("elena", mine.work_item_id)
        return str(mine.case_reference)

    came: list[str] = []
    for number in (2, 4, 6, 8):
        came.append(await next_of_two_more(number))
        pool.now += timedelta(minutes=10)
    # It waited 30 minutes; what came with the first two has waited as long, and came later.
    assert "C-1" not in came[:3]
    assert came[3] == "C-1"


async def test_an_assignment_reads_lines_and_their_heads_by_index(pool: AgentPool) -> None:
    await add_waiting(
        pool,
        [Kind(queue_name, {"planning": n}) for queue_name in ("rates", "roads", "planning") for n in (1, 5)],
        20_000,
    )
    async with pool.engine.begin() as tx:
        await tx.execute(
            text(
                "insert into offer (offer_id, work_item_id, agent_id, agent_name, offered_at, expires_at, result) "
                "select gen_random_uuid(), work_item_id, 'amara', 'Amara', now(), now(), 'declined' from work_item"
            )
        )
    await pool.analyse()
    async with pool.engine.connect() as connection:
        query = store.backlog.LINES.text.replace(":queues", "array['rates', 'roads']")
        walk = await _plan(connection, query)
        others = await _plan(connection, store.backlog.WIDENED.text.replace(":queues", "array['rates']"))
        (line, *_) = await store.backlog.lines(connection, ["rates"])
        starts = [{"line": 0, **line._asdict(), "most": 20, **store.backlog.BEFORE_ALL}]
        # None of it, some of it and all of it has waited its longest wait.
        reads = [
            await _plan(connection, store.backlog.READ.text, lines=as_json(starts), now=pool.now + after)
            for after in (timedelta(0), timedelta(hours=21), timedelta(days=2))
        ]
    assert all("Seq Scan on work_item" not in plan for plan in (walk, others, *reads))
    assert "work_item_line_ix" in walk or "work_item_overdue_ix" in walk
    assert "work_item_widened_ix" in others
    for read in reads:
        assert "work_item_line_ix" in read
        assert "work_item_overdue_ix" in read
        assert "Sort" not in read.split("work_item_line_ix")[0]
        assert "offer_work_item_id_ix" in read


async def _plan(connection: AsyncConnection, query: str, **parameters: object) -> str:
    rows = await connection.execute(text(f"explain {query}"), parameters)
    return "\n".join(str(row[0]) for row in rows)


def _large(organisation: dict[str, Any]) -> None:
    """An organisation of a hundred skills, two hundred rules and a thousand agents."""
    names = list(organisation["queues"])
    settings = organisation["queues"][names[0]]
    organisation["queues"] |= {f"q{n}": {**settings, "name": f"Queue {n}"} for n in range(QUEUES)}
    organisation["skills"] |= {f"s{n}": f"Skill {n}" for n in range(SKILLS)}
    organisation["people"] = [
        {
            "id": f"a{n}", "name": f"Agent {n}", "queues": [f"q{n % QUEUES}", f"q{(n // QUEUES) % QUEUES}"], "capacity": 1,
            "skills": {f"s{(n * 7 + k * 13) % SKILLS}": 1 + (n + k) % 9 for k in range(5)},
        }
        for n in range(AGENTS)
    ]  # fmt: skip
    organisation["rules"] = [
        {
            "name": f"Rule {n}",
            "when": f'interaction.subject == "{n}"' if n < RULES - 1 else "true",
            "then": {"queue": f"q{n % QUEUES}", "priority": n % 100, "skills": {f"s{n % SKILLS}": 1 + n % 5}},
        }
        for n in range(RULES)
    ]


class Cost(NamedTuple):
    """The statements of an action, and the rows that they read."""

    statements: int
    rows: int


async def _cost(pool: AgentPool, action: Callable[[AsyncConnection], Awaitable[None]]) -> Cost:
    """The cost of an action in a transaction of its own."""
    with counted(pool.engine) as statements:
        async with pool.engine.begin() as tx:
            before, began = await tx.scalar(ROWS_READ) or 0, len(statements)
            await action(tx)
            made = len(statements) - began
            return Cost(made, (await tx.scalar(ROWS_READ) or 0) - before)


async def test_with_100_000_items_waiting_each_action_costs_at_most_twice_that_with_1_000(
    pool: AgentPool,
) -> None:
    await pool.organise(_large)
    organisation = yaml.safe_load(
        (await pool.rows("select source from configuration order by version desc limit 1"))[0].source
    )
    kinds = [
        Kind(rule["then"]["queue"], rule["then"]["skills"], rule["then"]["priority"])
        for rule in organisation["rules"]
    ]
    async with pool.engine.begin() as tx:
        people = [
            {"agent_id": f"a{n}", "presence": "available", "since": pool.now, "idle_since": pool.now}
            for n in range(AGENTS)
        ]
        await insert_rows(tx, store.agents.AGENT, people)
        held = [_held(f"a{n}", pool) for n in range(AGENTS)]
        await insert_rows(tx, store.work_items.WORK, held)

    costs: list[dict[str, Cost]] = []
    for waiting in (1_000, 99_000):
        await add_waiting(pool, kinds, waiting, before=10 * len(costs))
        first, second = [row["work_item_id"] for row in held[len(costs) * 2 : len(costs) * 2 + 2]]
        first_agent, second_agent = (f"a{n}" for n in (len(costs) * 2, len(costs) * 2 + 1))
        case = received(pool.now, opened(10 + len(costs), pool.now))
        cost = {"decision": await _cost(pool, partial(_apply, pool, case))}
        await pool.complete(first_agent, first)
        cost["offer"] = await _cost(pool, partial(_assign, pool))
        assert (
            await pool.rows(
                "select state from work_item where agent_id = :a and state <> 'completed'", a=first_agent
            )
        )[0].state == OFFERED
        await pool.complete(second_agent, second)
        cost["pull"] = await _cost(pool, partial(_pull, pool, second_agent))
        costs.append(cost)
    few, many = costs
    assert all(cost.rows > 0 for cost in few.values())
    for name, cost in many.items():
        assert cost.statements <= 2 * few[name].statements, (name, costs)
        assert cost.rows <= 2 * few[name].rows, (name, costs)


async def test_a_line_whose_capacity_profile_is_full_for_all_free_agents_is_not_read(pool: AgentPool) -> None:
    """However much waits in the line, and whether or not the work takes units."""
    limits = [{"id": "high", "name": "High", "priority_from": 80, "most": 1}]
    await pool.organise(
        agent("elena", capacity=3), section("capacity_profiles", limits), lambda o: o["rules"].clear() or o["rules"].append(
            {"name": "All", "when": "true", "then": {"queue": "planning", "priority": 80}}
        ),
    )  # fmt: skip
    await pool.present("elena")
    await pool.apply(opened(1, pool.now))
    assert await pool.assign() == 1
    costs: list[Cost] = []
    for count in (1_000, 9_000):
        await add_waiting(pool, [Kind("planning", {}, 80)], count, before=10 * len(costs))
        async with pool.engine.begin() as tx:
            await tx.execute(
                text("update work_item set profiles = '[\"high\"]', units = (hashtext(case_reference) & 1)")
            )
        await pool.analyse()
        costs.append(await _cost(pool, partial(_find_nothing, pool)))
    assert costs[0].rows > 0
    assert costs[1].statements == costs[0].statements
    assert costs[1].rows <= costs[0].rows + 2


async def _find_nothing(pool: AgentPool, tx: AsyncConnection) -> None:
    assert await assignment.assign(tx, pool.configurations, AGAIN_AFTER, pool.now) == 0


async def _apply(pool: AgentPool, case: list[Received], tx: AsyncConnection) -> None:
    await cases.apply(tx, case, pool.configurations, pool.now)


async def _assign(pool: AgentPool, tx: AsyncConnection) -> None:
    assert await assignment.assign(tx, pool.configurations, AGAIN_AFTER, pool.now) == 1


async def _pull(pool: AgentPool, who: str, tx: AsyncConnection) -> None:
    active = await pool.active(tx)
    work = await pulling.take_next(tx, active, active.configuration.agents_by_id[who], pool.now)
    assert work
    assert work.state == ACCEPTED


def _held(who: str, pool: AgentPool) -> dict[str, Any]:
    item = uuid4()
    return {
        "work_item_id": item, "case_id": item, "case_reference": f"H-{who}", "customer_id": UUID(int=1), "channel": "email",
        "state": ACCEPTED, "queue": "q0", "priority": 50, "skills": {}, "queued_at": pool.now, "due_at": pool.now,
        "agent_id": who, "decision_id": item, "changed_at": pool.now,
    }  # fmt: skip
