"""Whatever was broken behind the service's back is found and repair, once, and told; and looking costs little."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from routing.work import reconciliation
from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, opened_api
from tests.support.routing.backlog import ROWS_READ, Kind, wait
from tests.support.routing.configured import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import opened, settled
from tests.support.statements import counted


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def go_round(pool: AgentPool, most: int = 500) -> list[Any]:
    """A whole way round; the findings so far, in the order of time."""
    ended = False
    while not ended:
        async with pool.engine.begin() as tx:
            _, ended = await reconciliation.round_of(tx, pool.configurations, pool.now, most)
    return await pool.rows("select * from finding order by at, kind")


async def broken(pool: AgentPool, *statements: str) -> list[Any]:
    """What is found after these statements; a second way round finds nothing more."""
    assert await go_round(pool) == []
    async with pool.engine.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))
    found = await go_round(pool)
    assert await go_round(pool) == found
    assert await pool.told("work.reconciled.v1") == sum(one.repair is not None for one in found)
    return found


async def one_held(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now, waited=5))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()


async def test_a_case_whose_work_was_completed_behind_our_back_has_work_again_as_it_was(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now, waited=5))
    before = (await pool.works())["C-1"]
    (found,) = await broken(pool, "update work_item set state = 'completed', completed_at = now()")
    assert (found.kind, found.repair) == ("no-work", "queued anew in planning")
    (work,) = await pool.rows("select * from work_item where state = 'queued'")
    assert work.work_item_id == found.work_item_id != before.work_item_id
    same = ("case_id", "case_reference", "queue", "skills", "queued_at", "due_at", "order_at", "priority")
    assert [getattr(work, name) for name in same] == [getattr(before, name) for name in same]
    await pool.present("elena")
    assert await pool.assign() == 1


async def test_a_case_whose_work_is_gone_altogether_is_queued_with_what_is_known_of_it(
    pool: AgentPool,
) -> None:
    case = opened(1, pool.now)
    await pool.apply(case)
    (found,) = await broken(pool, "delete from work_item", "delete from decision")
    work = (await pool.works())["C-1"]
    assert (work.queue, work.customer_id) == (found.repair.split()[-1], case.case.customer.customer_id)
    await pool.apply(settled(case))
    assert (await pool.works())["C-1"].completed_at is not None


async def test_what_nothing_is_known_of_is_told_and_stays_told(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    assert await go_round(pool) == []
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from work_item"))
        await tx.execute(text("update case_record set reference = null"))
    (found,) = await go_round(pool)
    assert (found.kind, found.repair, found.work_item_id) == ("no-work", None, None)
    assert await pool.told("work.reconciled.v1") == 0


async def test_work_that_somebody_set_aside_with_a_reason_is_not_made_anew(pool: AgentPool) -> None:
    await one_held(pool)
    await pool.complete("elena", (await pool.works())["C-1"].work_item_id)
    assert await go_round(pool) == []
    (seen,) = await pool.rows("select awaits, dismissed from case_record")
    assert (seen.awaits, seen.dismissed) == (True, "agent elena: a call settled it")
    again = opened(1, pool.now)
    told_later = again.case.model_copy(update={"revision": 9})
    await pool.apply(again.model_copy(update={"case": told_later}))
    assert (await pool.rows("select dismissed from case_record"))[0].dismissed is not None
    asked_again = again.case.model_copy(update={"revision": 10, "asked_revision": 10})
    await pool.apply(again.model_copy(update={"case": asked_again}))
    assert (await pool.rows("select dismissed from case_record"))[0].dismissed is None
    assert len(await pool.rows("select 1 from work_item where state = 'queued'")) == 1


async def test_a_second_open_item_of_a_case_is_completed_and_the_one_in_hand_stays(pool: AgentPool) -> None:
    await one_held(pool)
    columns = [row.name for row in await pool.rows(
        "select column_name as name from information_schema.columns where table_name = 'work_item' "
        "and is_generated = 'NEVER' and column_name not in ('work_item_id', 'state', 'agent_id')"
    )]  # fmt: skip
    (found,) = await broken(
        pool,
        "drop index work_item_one_open_per_case_key",
        f"insert into work_item (work_item_id, state, agent_id, {', '.join(columns)}) "
        f"select gen_random_uuid(), 'queued', null, {', '.join(columns)} from work_item",
    )
    assert (found.kind, found.repair) == ("second-work", "completed")
    rows = await pool.rows("select state, agent_id from work_item order by state")
    assert [(row.state, row.agent_id) for row in rows] == [(ACCEPTED, "elena"), ("completed", None)]


async def test_work_on_a_case_that_awaits_nothing_is_completed_and_its_offer_withdrawn(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    (found,) = await broken(pool, "update case_record set awaits = false")
    assert (found.kind, found.repair) == ("not-asked", "completed")
    assert await pool.pending() == {}
    assert await pool.rows("select 1 from timer where kind = 'offer-expiry'") == []


@pytest.mark.parametrize(
    ("statement", "kind", "repair", "state"),
    [
        ("update work_item set queue = 'gone'", "queue-unknown", "moved to rates", OFFERED),
        ("update work_item set agent_id = 'gone'", "agent-gone", "back to its place", QUEUED),
        ("delete from offer", "offer-missing", "back to its place", QUEUED),
        (
            "update work_item set state = 'queued', agent_id = null",
            "offer-stray",
            "the offer is withdrawn",
            QUEUED,
        ),
        ("delete from timer where kind = 'offer-expiry'", "offer-timer-missing", "its timer is set", OFFERED),
        ("delete from case_record", "case-unknown", "the case is known from its work", OFFERED),
    ],
)
async def test_work_that_stands_wrong_is_put_right(
    pool: AgentPool, statement: str, kind: str, repair: str, state: str
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    found = (await broken(pool, statement))[0]
    assert (found.kind, found.repair) == (kind, repair)
    assert (await pool.works())["C-1"].state == state
    if state == OFFERED:
        ((who, (offer,)),) = (await pool.pending()).items()
        assert await pool.accept(offer, who) == 200
    assert await pool.rows("select 1 from change_log where kind = 'finding' and 'operations' = any(audience)")


async def test_a_case_that_was_forgotten_is_known_again_and_goes_on(pool: AgentPool) -> None:
    case = opened(1, pool.now)
    await pool.apply(case)
    await broken(pool, "delete from case_record")
    await pool.apply(settled(case))
    assert (await pool.works())["C-1"].completed_at is not None


async def test_work_accepted_by_who_is_offline_returns_to_its_place(pool: AgentPool) -> None:
    await one_held(pool)
    (found,) = await broken(pool, "update agent set presence = 'offline'")
    assert (found.kind, (await pool.works())["C-1"].state) == ("agent-gone", QUEUED)


async def test_it_goes_on_where_it_was_and_each_case_is_looked_at_once_a_way(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 24)))
    await pool.apply(settled(opened(1, pool.now)))
    looked: list[int] = []
    for _ in range(3):
        async with pool.engine.begin() as tx:
            looked.append((await reconciliation.round_of(tx, pool.configurations, pool.now, 10))[0])
    assert looked == [10, 10, 2]
    (row,) = await pool.rows("select * from reconciliation")
    assert (row.last_checked, row.last_ended_at, row.checked) == (22, pool.now, 0)


async def test_a_part_of_the_way_takes_four_statements_and_reads_what_it_looks_at_whatever_there_is(
    pool: AgentPool,
) -> None:
    reads: list[int] = []
    for size in (1_000, 20_000):
        await wait(pool, [Kind("planning", {})], size)
        async with pool.engine.begin() as tx:
            await tx.execute(
                text(
                    "insert into case_record (case_id, revision, awaits) select case_id, 1, true from work_item on conflict do nothing"
                )
            )
            # What is over is not looked at.
            await tx.execute(
                text(
                    "insert into case_record (case_id, revision) select gen_random_uuid(), 1 from generate_series(1, :n)"
                ),
                {"n": size},
            )
        await pool.analyse()
        async with pool.engine.begin() as tx:
            await reconciliation.round_of(tx, pool.configurations, pool.now, 100)
        with counted(pool.engine) as statements:
            async with pool.engine.begin() as tx:
                before = await tx.scalar(ROWS_READ) or 0
                made = len(statements)
                assert await reconciliation.round_of(tx, pool.configurations, pool.now, 100) == (100, False)
                assert len(statements) - made <= 5
                reads.append((await tx.scalar(ROWS_READ) or 0) - before)
    assert await pool.rows("select 1 from finding") == []
    assert reads[1] <= 2 * reads[0]
    assert reads[1] < 1_000


async def test_running_clocks_that_no_timer_wakes_are_woken_and_set_to_what_comes_next(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    timers = "select subject, due_at from timer where kind = 'sla-clock' order by due_at"
    before = await pool.rows(timers)
    assert len(before) > 1
    (found,) = await broken(pool, "delete from timer where kind = 'sla-clock'")
    assert (found.kind, found.repair) == ("clock-timer-missing", "its timer is set")
    await pool.make_due("sla-clock")
    await pool.fire()
    assert await pool.rows(timers) == before


async def test_of_two_replicas_one_goes_round_and_a_finding_is_mended_once(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set state = 'completed', completed_at = now()"))
    async with pool.engine.begin() as one, pool.engine.begin() as other:
        assert await reconciliation.round_of(one, pool.configurations, pool.now) == (1, True)
        assert await reconciliation.round_of(other, pool.configurations, pool.now) == (0, True)
    assert len(await go_round(pool)) == 1


async def test_operations_are_shown_what_was_found_and_how_far_it_has_come(client: RoutingApi) -> None:
    before = (await client.ask("GET", "/reconciliation")).json()
    assert (before["began_at"], before["found"], before["items"]) == (None, {}, [])
    pool = AgentPool(client.engine)
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set queue = 'gone'"))
    await go_round(pool)
    shown = (await client.ask("GET", "/reconciliation?limit=2", role=Role.SUPERVISOR)).json()
    assert (shown["found"], shown["not_repaired"], shown["last_checked"]) == ({"queue-unknown": 3}, 0, 3)
    assert [one["kind"] for one in shown["items"]] == ["queue-unknown"] * 2
    rest = (await client.ask("GET", f"/reconciliation?limit=2&cursor={shown['next']}")).json()
    assert len(rest["items"]) == 1
    assert rest["next"] is None
    assert {UUID(one["case_id"]).int for one in shown["items"] + rest["items"]} == {1, 2, 3}
    assert (await client.ask("GET", "/reconciliation", role=Role.AGENT, name="elena")).status_code == 403
    assert (await client.ask("GET", "/reconciliation?cursor=x")).status_code == 400


async def test_a_look_costs_the_same_while_the_planner_believes_that_nothing_is_open(pool: AgentPool) -> None:
    await pool.analyse()
    await pool.apply(*(opened(n, pool.now) for n in range(1, 301)))
    async with pool.engine.connect() as connection:
        asked = text(f"explain (analyze, buffers, format json) {reconciliation.WALK.text}").bindparams(
            after=UUID(int=0), most=300
        )
        (row,) = await connection.execute(asked)
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] == 300
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 300 * 60
