"""The reconciliation finds and repairs rows that SQL outside the service has made inconsistent, once, and publishes each repair."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from routing.work import reconciliation
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.api import RoutingApi, opened_api
from tests.support.routing.backlog import ROWS_READ, Kind, add_waiting
from tests.support.routing.harness import opened, status_changed
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


async def reconcile(pool: AgentPool, most: int = 500) -> list[Any]:
    """Runs one whole round; returns all findings so far, in the order of time."""
    ended = False
    while not ended:
        async with pool.engine.begin() as tx:
            _, ended = await reconciliation.run_part(tx, pool.configurations, pool.now, most)
    return await pool.rows("select * from finding order by at, kind")


async def findings_after(pool: AgentPool, *statements: str) -> list[Any]:
    """The findings of a round after these statements; asserts that a second round finds nothing more."""
    assert await reconcile(pool) == []
    async with pool.engine.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))
    found = await reconcile(pool)
    assert await reconcile(pool) == found
    assert await pool.count_events("work.reconciled.v1") == sum(
        finding.repair is not None for finding in found
    )
    return found


async def elena_accepts_work(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now, waited=5))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()


async def test_a_case_whose_work_was_completed_by_sql_has_the_same_work_again(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now, waited=5))
    before = (await pool.works())["C-1"]
    (found,) = await findings_after(pool, "update work_item set state = 'completed', completed_at = now()")
    assert (found.kind, found.repair) == ("no-work", "queued anew in planning")
    (work,) = await pool.rows("select * from work_item where state = 'queued'")
    assert work.work_item_id == found.work_item_id != before.work_item_id
    columns = ("case_id", "case_reference", "queue", "skills", "queued_at", "due_at", "order_at", "priority")
    assert [getattr(work, name) for name in columns] == [getattr(before, name) for name in columns]
    await pool.present("elena")
    assert await pool.assign() == 1


async def test_a_case_whose_work_was_deleted_is_queued_with_the_facts_that_remain(
    pool: AgentPool,
) -> None:
    case = opened(1, pool.now)
    await pool.apply(case)
    (found,) = await findings_after(pool, "delete from work_item", "delete from decision")
    work = (await pool.works())["C-1"]
    assert (work.queue, work.customer_id) == (found.repair.split()[-1], case.case.customer.customer_id)
    await pool.apply(status_changed(case))
    assert (await pool.works())["C-1"].completed_at is not None


async def test_a_case_without_facts_is_reported_and_not_repaired(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    assert await reconcile(pool) == []
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from work_item"))
        await tx.execute(text("update case_record set reference = null"))
    (found,) = await reconcile(pool)
    assert (found.kind, found.repair, found.work_item_id) == ("no-work", None, None)
    assert await pool.count_events("work.reconciled.v1") == 0


async def test_dismissed_work_is_not_queued_again_until_somebody_asks_again(pool: AgentPool) -> None:
    await elena_accepts_work(pool)
    await pool.complete("elena", (await pool.works())["C-1"].work_item_id)
    assert await reconcile(pool) == []
    (seen,) = await pool.rows("select awaits, dismissed from case_record")
    assert (seen.awaits, seen.dismissed) == (True, "agent elena: resolved by phone")
    event = opened(1, pool.now)
    later = event.case.model_copy(update={"revision": 9})
    await pool.apply(event.model_copy(update={"case": later}))
    assert (await pool.rows("select dismissed from case_record"))[0].dismissed is not None
    asked_again = event.case.model_copy(update={"revision": 10, "asked_revision": 10})
    await pool.apply(event.model_copy(update={"case": asked_again}))
    assert (await pool.rows("select dismissed from case_record"))[0].dismissed is None
    assert len(await pool.rows("select 1 from work_item where state = 'queued'")) == 1


async def test_a_second_open_item_of_a_case_is_completed_and_the_accepted_one_stays(pool: AgentPool) -> None:
    await elena_accepts_work(pool)
    columns = [row.name for row in await pool.rows(
        "select column_name as name from information_schema.columns where table_name = 'work_item' "
        "and is_generated = 'NEVER' and column_name not in ('work_item_id', 'state', 'agent_id')"
    )]  # fmt: skip
    (found,) = await findings_after(
        pool,
        "drop index work_item_one_open_per_case_key",
        f"insert into work_item (work_item_id, state, agent_id, {', '.join(columns)}) "
        f"select gen_random_uuid(), 'queued', null, {', '.join(columns)} from work_item",
    )
    assert (found.kind, found.repair) == ("second-work", "completed")
    rows = await pool.rows("select state, agent_id from work_item order by state")
    assert [(row.state, row.agent_id) for row in rows] == [(ACCEPTED, "elena"), ("completed", None)]


async def test_work_on_a_case_that_awaits_no_answer_is_completed_and_its_offer_withdrawn(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    (found,) = await findings_after(pool, "update case_record set awaits = false")
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
async def test_inconsistent_work_is_repaired(
    pool: AgentPool, statement: str, kind: str, repair: str, state: str
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    found = (await findings_after(pool, statement))[0]
    assert (found.kind, found.repair) == (kind, repair)
    assert (await pool.works())["C-1"].state == state
    if state == OFFERED:
        ((who, (offer,)),) = (await pool.pending()).items()
        assert await pool.accept(offer, who) == 200
    assert await pool.rows("select 1 from change_log where kind = 'finding' and 'operations' = any(audience)")


async def test_a_deleted_case_row_is_restored_from_its_work(pool: AgentPool) -> None:
    case = opened(1, pool.now)
    await pool.apply(case)
    await findings_after(pool, "delete from case_record")
    await pool.apply(status_changed(case))
    assert (await pool.works())["C-1"].completed_at is not None


async def test_accepted_work_of_an_offline_agent_is_queued_again_at_its_place(pool: AgentPool) -> None:
    await elena_accepts_work(pool)
    (found,) = await findings_after(pool, "update agent set presence = 'offline'")
    assert (found.kind, (await pool.works())["C-1"].state) == ("agent-gone", QUEUED)


async def test_a_batch_continues_where_the_last_ended_and_a_round_checks_each_case_once(
    pool: AgentPool,
) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 24)))
    await pool.apply(status_changed(opened(1, pool.now)))
    checked: list[int] = []
    for _ in range(3):
        async with pool.engine.begin() as tx:
            checked.append((await reconciliation.run_part(tx, pool.configurations, pool.now, 10))[0])
    assert checked == [10, 10, 2]
    (row,) = await pool.rows("select * from reconciliation")
    assert (row.last_checked, row.last_ended_at, row.checked) == (22, pool.now, 0)


async def test_a_batch_takes_five_statements_and_reads_only_the_cases_that_it_checks(
    pool: AgentPool,
) -> None:
    reads: list[int] = []
    for size in (1_000, 20_000):
        await add_waiting(pool, [Kind("planning", {})], size)
        async with pool.engine.begin() as tx:
            await tx.execute(
                text(
                    "insert into case_record (case_id, revision, awaits) select case_id, 1, true from work_item on conflict do nothing"
                )
            )
            # Cases that await no answer are not checked.
            await tx.execute(
                text(
                    "insert into case_record (case_id, revision) select gen_random_uuid(), 1 from generate_series(1, :n)"
                ),
                {"n": size},
            )
        await pool.analyse()
        async with pool.engine.begin() as tx:
            await reconciliation.run_part(tx, pool.configurations, pool.now, 100)
        with counted(pool.engine) as statements:
            async with pool.engine.begin() as tx:
                before = await tx.scalar(ROWS_READ) or 0
                before_batch = len(statements)
                assert await reconciliation.run_part(tx, pool.configurations, pool.now, 100) == (100, False)
                assert len(statements) - before_batch <= 5
                reads.append((await tx.scalar(ROWS_READ) or 0) - before)
    assert await pool.rows("select 1 from finding") == []
    assert reads[1] <= 2 * reads[0]
    assert reads[1] < 1_000


async def test_running_clocks_without_a_timer_get_their_timers_back(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    timers = "select subject, due_at from timer where kind = 'sla-clock' order by due_at"
    before = await pool.rows(timers)
    assert len(before) > 1
    (found,) = await findings_after(pool, "delete from timer where kind = 'sla-clock'")
    assert (found.kind, found.repair) == ("clock-timer-missing", "its timer is set")
    await pool.make_due("sla-clock")
    await pool.fire()
    assert await pool.rows(timers) == before


async def test_of_two_replicas_one_reconciles_and_a_finding_is_repaired_once(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set state = 'completed', completed_at = now()"))
    async with pool.engine.begin() as first, pool.engine.begin() as second:
        assert await reconciliation.run_part(first, pool.configurations, pool.now) == (1, True)
        assert await reconciliation.run_part(second, pool.configurations, pool.now) == (0, True)
    assert len(await reconcile(pool)) == 1


async def test_work_that_the_reconciliation_made_is_explained_without_a_decision(client: RoutingApi) -> None:
    pool = AgentPool(client.engine)
    await pool.apply(opened(1, pool.now))

    async def explained() -> Any:
        work = (await pool.works())["C-1"]
        return (await client.ask("GET", f"/work/{work.work_item_id}", role=Role.SUPERVISOR)).json()

    by_rules = await explained()
    assert (by_rules["decided_by"], by_rules["decision"]["rule"]) == ("rules", "Planning")
    assert by_rules["decided_because"] == by_rules["decision"]["reason"]
    await findings_after(pool, "delete from work_item", "delete from decision")
    remade = await explained()
    assert (remade["decided_by"], remade["decision"]) == ("reconciliation", None)
    assert remade["decided_because"].startswith("The reconciliation found that the case awaited an answer")


async def test_operations_see_the_findings_and_the_progress_of_the_round(client: RoutingApi) -> None:
    before = (await client.ask("GET", "/reconciliation")).json()
    assert (before["began_at"], before["found"], before["items"]) == (None, {}, [])
    pool = AgentPool(client.engine)
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set queue = 'gone'"))
    await reconcile(pool)
    shown = (await client.ask("GET", "/reconciliation?limit=2", role=Role.SUPERVISOR)).json()
    assert (shown["found"], shown["not_repaired"], shown["last_checked"]) == ({"queue-unknown": 3}, 0, 3)
    assert [item["kind"] for item in shown["items"]] == ["queue-unknown"] * 2
    rest = (await client.ask("GET", f"/reconciliation?limit=2&cursor={shown['next']}")).json()
    assert len(rest["items"]) == 1
    assert rest["next"] is None
    assert {UUID(item["case_id"]).int for item in shown["items"] + rest["items"]} == {1, 2, 3}
    assert (await client.ask("GET", "/reconciliation", role=Role.AGENT, name="elena")).status_code == 403
    assert (await client.ask("GET", "/reconciliation?cursor=x")).status_code == 400


async def test_a_batch_reads_as_little_when_statistics_say_that_no_case_is_open(pool: AgentPool) -> None:
    await pool.analyse()
    await pool.apply(*(opened(n, pool.now) for n in range(1, 301)))
    async with pool.engine.connect() as connection:
        query = text(f"explain (analyze, buffers, format json) {reconciliation.WALK.text}").bindparams(
            after=UUID(int=0), most=300
        )
        (row,) = await connection.execute(query)
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] == 300
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 300 * 60
