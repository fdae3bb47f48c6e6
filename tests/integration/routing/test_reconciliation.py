"""Whatever was broken behind the service's back is found and mended, once, and told; and looking costs little."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from routing.work import reconciliation
from tests.conftest import NewDatabase
from tests.integration.routing.door import Door, opened_door
from tests.integration.routing.floor import ACCEPTED, OFFERED, QUEUED, Floor
from tests.integration.routing.test_backlog import ROWS_READ, Kind, wait
from tests.integration.routing.test_offers import opened, settled
from tests.statements import counted


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    made = Floor(await new_database("routing"))
    await made.organise()
    return made


@pytest.fixture
async def door(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened_door(await new_database("routing"), tmp_path) as made:
        yield made


async def go_round(floor: Floor, most: int = 500) -> list[Any]:
    """A whole way round; the findings so far, in the order of time."""
    ended = False
    while not ended:
        async with floor.engine.begin() as tx:
            _, ended = await reconciliation.round_of(tx, floor.configurations, floor.now, most)
    return await floor.rows("select * from finding order by at, kind")


async def broken(floor: Floor, *statements: str) -> list[Any]:
    """What is found after these statements; a second way round finds nothing more."""
    assert await go_round(floor) == []
    async with floor.engine.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))
    found = await go_round(floor)
    assert await go_round(floor) == found
    assert await floor.told("work.reconciled.v1") == sum(one.mended is not None for one in found)
    return found


async def one_held(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now, waited=5))
    await floor.present("elena")
    await floor.assign()
    await floor.accept_all()


async def test_a_case_whose_work_was_completed_behind_our_back_has_work_again_as_it_was(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now, waited=5))
    before = (await floor.works())["C-1"]
    (found,) = await broken(floor, "update work_item set state = 'completed', completed_at = now()")
    assert (found.kind, found.mended) == ("no-work", "queued anew in planning")
    (work,) = await floor.rows("select * from work_item where state = 'queued'")
    assert work.work_item_id == found.work_item_id != before.work_item_id
    same = ("case_id", "case_reference", "queue", "skills", "queued_at", "due_at", "order_at", "priority")
    assert [getattr(work, name) for name in same] == [getattr(before, name) for name in same]
    await floor.present("elena")
    assert await floor.assign() == 1


async def test_a_case_whose_work_is_gone_altogether_is_queued_with_what_is_known_of_it(floor: Floor) -> None:
    case = opened(1, floor.now)
    await floor.hear(case)
    (found,) = await broken(floor, "delete from work_item", "delete from decision")
    work = (await floor.works())["C-1"]
    assert (work.queue, work.customer_id) == (found.mended.split()[-1], case.case.customer.customer_id)
    await floor.hear(settled(case))
    assert (await floor.works())["C-1"].completed_at is not None


async def test_what_nothing_is_known_of_is_told_and_stays_told(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    assert await go_round(floor) == []
    async with floor.engine.begin() as tx:
        await tx.execute(text("delete from work_item"))
        await tx.execute(text("update case_seen set reference = null"))
    (found,) = await go_round(floor)
    assert (found.kind, found.mended, found.work_item_id) == ("no-work", None, None)
    assert await floor.told("work.reconciled.v1") == 0


async def test_work_that_somebody_set_aside_with_a_reason_is_not_made_anew(floor: Floor) -> None:
    await one_held(floor)
    await floor.complete("elena", (await floor.works())["C-1"].work_item_id)
    assert await go_round(floor) == []
    (seen,) = await floor.rows("select awaits, set_aside from case_seen")
    assert (seen.awaits, seen.set_aside) == (True, "agent elena: a call settled it")
    again = opened(1, floor.now)
    told_later = again.case.model_copy(update={"revision": 9})
    await floor.hear(again.model_copy(update={"case": told_later}))
    assert (await floor.rows("select set_aside from case_seen"))[0].set_aside is not None
    asked_again = again.case.model_copy(update={"revision": 10, "asked_revision": 10})
    await floor.hear(again.model_copy(update={"case": asked_again}))
    assert (await floor.rows("select set_aside from case_seen"))[0].set_aside is None
    assert len(await floor.rows("select 1 from work_item where state = 'queued'")) == 1


async def test_a_second_open_item_of_a_case_is_completed_and_the_one_in_hand_stays(floor: Floor) -> None:
    await one_held(floor)
    columns = [row.name for row in await floor.rows(
        "select column_name as name from information_schema.columns where table_name = 'work_item' "
        "and is_generated = 'NEVER' and column_name not in ('work_item_id', 'state', 'agent_id')"
    )]  # fmt: skip
    (found,) = await broken(
        floor,
        "drop index work_item_one_open_per_case_key",
        f"insert into work_item (work_item_id, state, agent_id, {', '.join(columns)}) "
        f"select gen_random_uuid(), 'queued', null, {', '.join(columns)} from work_item",
    )
    assert (found.kind, found.mended) == ("second-work", "completed")
    rows = await floor.rows("select state, agent_id from work_item order by state")
    assert [(row.state, row.agent_id) for row in rows] == [(ACCEPTED, "elena"), ("completed", None)]


async def test_work_on_a_case_that_awaits_nothing_is_completed_and_its_offer_withdrawn(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    await floor.assign()
    (found,) = await broken(floor, "update case_seen set awaits = false")
    assert (found.kind, found.mended) == ("not-asked", "completed")
    assert await floor.pending() == {}
    assert await floor.rows("select 1 from timer where kind = 'offer-expiry'") == []


@pytest.mark.parametrize(
    ("statement", "kind", "mended", "state"),
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
        ("delete from timer where kind = 'offer-expiry'", "timer-missing", "its timer is set", OFFERED),
        ("delete from case_seen", "case-unknown", "the case is known from its work", OFFERED),
    ],
)
async def test_work_that_stands_wrong_is_put_right(
    floor: Floor, statement: str, kind: str, mended: str, state: str
) -> None:
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    await floor.assign()
    found = (await broken(floor, statement))[0]
    assert (found.kind, found.mended) == (kind, mended)
    assert (await floor.works())["C-1"].state == state
    if state == OFFERED:
        ((who, (offer,)),) = (await floor.pending()).items()
        assert await floor.accept(offer, who) == 200
    assert await floor.rows(
        "select 1 from change_log where kind = 'finding' and 'operations' = any(audience)"
    )


async def test_a_case_that_was_forgotten_is_known_again_and_goes_on(floor: Floor) -> None:
    case = opened(1, floor.now)
    await floor.hear(case)
    await broken(floor, "delete from case_seen")
    await floor.hear(settled(case))
    assert (await floor.works())["C-1"].completed_at is not None


async def test_work_accepted_by_who_is_offline_returns_to_its_place(floor: Floor) -> None:
    await one_held(floor)
    (found,) = await broken(floor, "update agent set presence = 'offline'")
    assert (found.kind, (await floor.works())["C-1"].state) == ("agent-gone", QUEUED)


async def test_it_goes_on_where_it_was_and_each_case_is_looked_at_once_a_way(floor: Floor) -> None:
    await floor.hear(*(opened(n, floor.now) for n in range(1, 24)))
    await floor.hear(settled(opened(1, floor.now)))
    looked: list[int] = []
    for _ in range(3):
        async with floor.engine.begin() as tx:
            looked.append((await reconciliation.round_of(tx, floor.configurations, floor.now, 10))[0])
    assert looked == [10, 10, 2]
    (row,) = await floor.rows("select * from reconciliation")
    assert (row.last_checked, row.last_ended_at, row.checked) == (22, floor.now, 0)


async def test_a_part_of_the_way_takes_four_statements_and_reads_what_it_looks_at_whatever_there_is(
    floor: Floor,
) -> None:
    reads: list[int] = []
    for size in (1_000, 20_000):
        await wait(floor, [Kind("planning", {})], size)
        async with floor.engine.begin() as tx:
            await tx.execute(
                text(
                    "insert into case_seen (case_id, revision, awaits) select case_id, 1, true from work_item on conflict do nothing"
                )
            )
            # What is over is not looked at.
            await tx.execute(
                text(
                    "insert into case_seen (case_id, revision) select gen_random_uuid(), 1 from generate_series(1, :n)"
                ),
                {"n": size},
            )
        await floor.analyse()
        async with floor.engine.begin() as tx:
            await reconciliation.round_of(tx, floor.configurations, floor.now, 100)
        with counted(floor.engine) as statements:
            async with floor.engine.begin() as tx:
                before = await tx.scalar(ROWS_READ) or 0
                made = len(statements)
                assert await reconciliation.round_of(tx, floor.configurations, floor.now, 100) == (100, False)
                assert len(statements) - made <= 5
                reads.append((await tx.scalar(ROWS_READ) or 0) - before)
    assert await floor.rows("select 1 from finding") == []
    assert reads[1] <= 2 * reads[0]
    assert reads[1] < 1_000


async def test_running_clocks_that_no_timer_wakes_are_woken_and_set_to_what_comes_next(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    timers = "select subject, due_at from timer where kind = 'sla-clock' order by due_at"
    before = await floor.rows(timers)
    assert len(before) > 1
    (found,) = await broken(floor, "delete from timer where kind = 'sla-clock'")
    assert (found.kind, found.mended) == ("clock-unheeded", "its timer is set")
    await floor.make_due("sla-clock")
    await floor.fire()
    assert await floor.rows(timers) == before


async def test_of_two_replicas_one_goes_round_and_a_finding_is_mended_once(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    async with floor.engine.begin() as tx:
        await tx.execute(text("update work_item set state = 'completed', completed_at = now()"))
    async with floor.engine.begin() as one, floor.engine.begin() as other:
        assert await reconciliation.round_of(one, floor.configurations, floor.now) == (1, True)
        assert await reconciliation.round_of(other, floor.configurations, floor.now) == (0, True)
    assert len(await go_round(floor)) == 1


async def test_operations_are_shown_what_was_found_and_how_far_it_has_come(door: Door) -> None:
    before = (await door.ask("GET", "/reconciliation")).json()
    assert (before["began_at"], before["found"], before["items"]) == (None, {}, [])
    floor = Floor(door.engine)
    await floor.hear(*(opened(n, floor.now) for n in (1, 2, 3)))
    async with floor.engine.begin() as tx:
        await tx.execute(text("update work_item set queue = 'gone'"))
    await go_round(floor)
    shown = (await door.ask("GET", "/reconciliation?limit=2", role=Role.SUPERVISOR)).json()
    assert (shown["found"], shown["not_mended"], shown["last_checked"]) == ({"queue-unknown": 3}, 0, 3)
    assert [one["kind"] for one in shown["items"]] == ["queue-unknown"] * 2
    rest = (await door.ask("GET", f"/reconciliation?limit=2&cursor={shown['next']}")).json()
    assert len(rest["items"]) == 1
    assert rest["next"] is None
    assert {UUID(one["case_id"]).int for one in shown["items"] + rest["items"]} == {1, 2, 3}
    assert (await door.ask("GET", "/reconciliation", role=Role.AGENT, name="elena")).status_code == 403
    assert (await door.ask("GET", "/reconciliation?cursor=x")).status_code == 400


async def test_a_look_costs_the_same_while_the_planner_believes_that_nothing_is_open(floor: Floor) -> None:
    await floor.analyse()
    await floor.hear(*(opened(n, floor.now) for n in range(1, 301)))
    async with floor.engine.connect() as connection:
        asked = text(f"explain (analyze, buffers, format json) {reconciliation.WALK.text}").bindparams(
            after=UUID(int=0), most=300
        )
        (row,) = await connection.execute(asked)
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] == 300
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 300 * 60
