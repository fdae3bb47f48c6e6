"""Effects of warnings and breaches, running clocks under a new configuration, and SLA attainment."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from routing import api, tasks
from routing.sla import clocks
from tests.conftest import NewDatabase
from tests.support.routing.case_history import (
    ALWAYS,
    MONDAY,
    CaseHistory,
    TimedPool,
    hours,
    sla_policies,
    within,
)
from tests.support.routing.organisation import section
from tests.support.routing.running import running
from tests.support.waiting import until


@pytest.fixture
async def pool(new_database: NewDatabase) -> TimedPool:
    made = TimedPool(await new_database("routing"))
    made.now = MONDAY
    await made.organise(sla_policies())
    return made


async def test_a_breach_adds_labels_raises_priority_moves_work_and_notifies_people(pool: TimedPool) -> None:
    # Chatwoot issue 6889: a breach had no effect.
    breach = {
        "labels": ["overdue"],
        "priority": 95,
        "queue": "front-desk",
        "notify": ["supervisors", "hugo"],
    }
    warning = {"labels": ["due soon"], "notify": ["agent"]}
    await pool.organise(sla_policies(warn_at=["75%"], on_warning=warning, on_breach=breach))
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.advance_to(MONDAY + hours(3.5))
    work = (await pool.works())["C-1"]
    assert (work.labels, work.queue) == (["due soon"], "planning")
    await pool.advance_to(MONDAY + hours(4))
    work = (await pool.works())["C-1"]
    assert (work.labels, work.priority, work.queue) == (["due soon", "overdue"], 95, "front-desk")
    (change,) = await pool.rows("select audience, data from change_log where kind = 'sla-breached'")
    assert {"supervisors", "agent:hugo"} <= set(change.audience)
    assert change.data["target"] == "first-response"
    assert len(await pool.rows("select 1 from change_log where kind = 'sla-warned'")) == 1
    events = await pool.published("work.")
    assert ("work.transferred.v1" in events, "work.reprioritised.v1" in events) == (True, True)


async def test_accepted_work_stays_with_its_agent_at_a_breach(pool: TimedPool) -> None:
    await pool.organise(sla_policies(on_breach={"queue": "front-desk", "notify": ["agent"]}))
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.present("elena")
    await pool.take_next("elena")
    await pool.advance_to(MONDAY + hours(4))
    work = (await pool.works())["C-1"]
    assert (work.queue, work.agent_id) == ("planning", "elena")
    (change,) = await pool.rows("select audience from change_log where kind = 'sla-breached'")
    assert "agent:elena" in change.audience


async def test_a_changed_policy_or_calendar_recomputes_running_clocks_in_their_ledgers(
    pool: TimedPool,
) -> None:
    # Zammad issue 534: an edited calendar did not change running targets.
    await pool.apply(*(CaseHistory(n, MONDAY).opened for n in range(1, 8)))
    await pool.organise(sla_policies(first_response=within(6)))
    pool.now = MONDAY + hours(1)
    assert sum([await _catch_up(pool, 3) for _ in range(5)]) == 7
    assert {row.due_at for row in await pool.clocks()} == {MONDAY + hours(6)}
    mornings = {
        "name": "m",
        "time_zone": "UTC",
        "hours": {day: ["09:00-12:00"] for day in ("monday", "tuesday")},
    }
    await pool.organise(
        sla_policies(first_response=within(6)), section("calendars", {"always": mornings, "office": ALWAYS})
    )

    async def done() -> bool:
        return not await pool.rows("select 1 from policy_change")

    async with running(tasks.recompute_forever(pool.engine, pool.configurations, lambda: pool.now)):
        await until(done)
    assert {row.due_at for row in await pool.clocks()} == {MONDAY + timedelta(days=1, hours=3)}
    entries = await pool.rows(
        "select due_before, due_after, cause, configuration_version as v from clock_entry where kind = 'recomputed' "
        "and clock_id = (select min(clock_id::text)::uuid from clock) order by place"
    )
    assert [(row.due_before, row.due_after, row.cause) for row in entries] == [
        (MONDAY + hours(4), MONDAY + hours(6), f"configuration {entries[0].v}"),
        (MONDAY + hours(6), MONDAY + timedelta(days=1, hours=3), f"configuration {entries[1].v}"),
    ]


async def _catch_up(pool: TimedPool, limit: int) -> int:
    async with pool.engine.begin() as tx:
        return await clocks.recompute_changed_policies(tx, pool.configurations, pool.now, limit)


async def test_a_new_configuration_with_the_same_targets_changes_no_clock(pool: TimedPool) -> None:
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.organise(
        sla_policies(),
        section(
            "skills",
            {
                "rates": "r",
                "roads": "r",
                "planning": "p",
                "public-reply": "p",
                "tone": "t",
                "network": "n",
                "phone": "p",
            },
        ),
    )
    assert await _catch_up(pool, 10) == 0
    assert await pool.ledger("first-response") == ["applied"]


async def test_firing_timers_reads_only_due_ones_however_many_clocks_run(pool: TimedPool) -> None:
    blocks: list[int] = []
    for count in (1_000, 60_000):
        await _insert_running_clocks(pool, count)
        case = CaseHistory(900_000 + count, MONDAY)
        pool.now = MONDAY
        await pool.apply(case.opened)
        await _analyze_timers(pool)
        async with pool.engine.connect() as connection:
            plan = text(
                "explain (analyze, buffers, format json) delete from timer t using (select kind, subject from timer "
                "where due_at <= now() order by due_at limit 500 for update skip locked) d "
                "where t.kind = d.kind and t.subject = d.subject returning t.kind, t.subject, t.due_at"
            )
            await connection.execute(
                text(
                    "update timer set due_at = now() - interval '1 s' where subject = (select clock_id from clock where case_id = :c)"
                ),
                {"c": case.case.case_id},
            )
            result: Any = (await connection.execute(plan)).scalar_one()
            assert result[0]["Plan"]["Actual Rows"] == 1
            blocks.append(result[0]["Plan"]["Shared Hit Blocks"] + result[0]["Plan"]["Shared Read Blocks"])
    assert blocks[1] <= blocks[0] + 12, blocks


async def _insert_running_clocks(pool: TimedPool, number: int) -> None:
    """Applies one case, and copies its clock so many times, with timers."""
    await pool.apply(CaseHistory(number, MONDAY).opened)
    async with pool.engine.begin() as tx:
        names = [
            row.column_name
            for row in await tx.execute(
                text(
                    "select column_name from information_schema.columns where table_name = 'clock' order by ordinal_position"
                )
            )
        ]
        values = ", ".join("gen_random_uuid()" if name in {"clock_id", "case_id"} else name for name in names)
        await tx.execute(
            text(
                f"insert into clock ({', '.join(names)}) select {values} from (select * from clock limit 1) c, generate_series(1, :n)"
            ),
            {"n": number},
        )
        await tx.execute(
            text(
                "insert into timer (kind, subject, due_at) select 'sla-clock', clock_id, due_at from clock on conflict do nothing"
            )
        )


async def _analyze_timers(pool: TimedPool) -> None:
    async with pool.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze timer"))


@pytest.fixture
async def http(pool: TimedPool, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    feed = ChangeFeed(pool.engine)
    app = api.application(pool.engine, access, feed, lambda: pool.now, pool.configurations)
    token = keys.token(tmp_path, role=Role.MANAGER, name="mia", now=utc_now())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def test_attainment_is_counted_by_queue_channel_policy_and_period(
    pool: TimedPool, http: httpx.AsyncClient
) -> None:
    late, kept, rates = CaseHistory(1, MONDAY), CaseHistory(2, MONDAY), CaseHistory(3, MONDAY, "rates")
    await pool.apply(late.opened, kept.opened, rates.opened)
    await pool.apply_at(MONDAY + hours(1), kept.reply_requested(), kept.reply_sent(pool.now + hours(1)))
    await pool.apply_at(MONDAY + hours(2), rates.status_changed("closed", "spam"))
    await pool.apply_at(MONDAY + hours(30), late.reply_requested(), late.reply_sent(MONDAY + hours(30)))
    period = {"from": MONDAY.isoformat(), "to": (MONDAY + hours(48)).isoformat()}
    answer = await http.get(
        "/sla/attainment", params={**period, "by": ["queue", "channel", "policy"], "period": "month"}
    )
    assert answer.status_code == 200, answer.text
    shown = [
        (row["queue"], row["kept"], row["missed"], row["cancelled"], row["attained"])
        for row in answer.json()["items"]
    ]
    assert shown == [("planning", 1, 1, 0, 0.5), ("rates", 0, 0, 1, None)]
    assert answer.json()["items"][0]["policy"] == "standard"
    (whole,) = (await http.get("/sla/attainment", params=period)).json()["items"]
    assert (whole["kept"], whole["missed"], whole["queue"]) == (1, 1, None)
    backwards = await http.get("/sla/attainment", params={"from": period["to"], "to": period["from"]})
    assert backwards.status_code == 422


async def test_a_cases_clocks_are_shown_with_their_ledgers(pool: TimedPool, http: httpx.AsyncClient) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.status_changed("pending", "a call"))
    answer = await http.get(f"/cases/{case.case.case_id}/clocks")
    assert answer.status_code == 200, answer.text
    (clock,) = answer.json()["items"]
    assert [entry["kind"] for entry in clock["ledger"]] == ["applied", "paused"]
    assert clock["ledger"][1]["cause"] == "the customer is awaited: a call"
    assert (clock["paused_since"] is not None, clock["ledger"][0]["within_s"]) == (True, 14400.0)
    assert (await http.get("/cases/00000000-0000-0000-0000-00000000abcd/clocks")).status_code == 404
