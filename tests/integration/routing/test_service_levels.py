"""What follows from warnings and breaches, what a new configuration does to running clocks, and how many promises were kept."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from routing import api, tasks
from routing.sla import clocks
from tests.conftest import NewDatabase
from tests.support.routing.case_history import ALWAYS, MONDAY, CaseHistory, Promises, hours, promising, within
from tests.support.routing.configured import section
from tests.support.routing.running import at_it, until


@pytest.fixture
async def pool(new_database: NewDatabase) -> Promises:
    made = Promises(await new_database("routing"))
    made.now = MONDAY
    await made.organise(promising())
    return made


async def test_a_breach_labels_raises_overflows_and_tells_people(pool: Promises) -> None:
    # chatwoot 6889: a breach could not drive anything.
    breach = {
        "labels": ["overdue"],
        "priority": 95,
        "queue": "front-desk",
        "notify": ["supervisors", "hugo"],
    }
    warning = {"labels": ["due soon"], "notify": ["agent"]}
    await pool.organise(promising(warn_at=["75%"], on_warning=warning, on_breach=breach))
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.pass_to(MONDAY + hours(3.5))
    work = (await pool.works())["C-1"]
    assert (work.labels, work.queue) == (["due soon"], "planning")
    await pool.pass_to(MONDAY + hours(4))
    work = (await pool.works())["C-1"]
    assert (work.labels, work.priority, work.queue) == (["due soon", "overdue"], 95, "front-desk")
    (told,) = await pool.rows("select audience, data from change_log where kind = 'sla-breached'")
    assert {"supervisors", "agent:hugo"} <= set(told.audience)
    assert told.data["target"] == "first-response"
    assert len(await pool.rows("select 1 from change_log where kind = 'sla-warned'")) == 1
    events = await pool.published("work.")
    assert ("work.transferred.v1" in events, "work.reprioritised.v1" in events) == (True, True)


async def test_work_that_somebody_has_stays_with_them_at_a_breach(pool: Promises) -> None:
    await pool.organise(promising(on_breach={"queue": "front-desk", "notify": ["agent"]}))
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.present("elena")
    await pool.take_next("elena")
    await pool.pass_to(MONDAY + hours(4))
    work = (await pool.works())["C-1"]
    assert (work.queue, work.agent_id) == ("planning", "elena")
    (told,) = await pool.rows("select audience from change_log where kind = 'sla-breached'")
    assert "agent:elena" in told.audience


async def test_a_policy_and_a_calendar_that_change_recompute_what_runs_with_before_and_after(
    pool: Promises,
) -> None:
    # zammad 534: a calendar was edited, and what ran stayed as it was.
    await pool.apply(*(CaseHistory(n, MONDAY).opened for n in range(1, 8)))
    await pool.organise(promising(first_response=within(6)))
    pool.now = MONDAY + hours(1)
    assert sum([await _catch_up(pool, 3) for _ in range(5)]) == 7
    assert {row.due_at for row in await pool.clocks()} == {MONDAY + hours(6)}
    mornings = {
        "name": "m",
        "time_zone": "UTC",
        "hours": {day: ["09:00-12:00"] for day in ("monday", "tuesday")},
    }
    await pool.organise(
        promising(first_response=within(6)), section("calendars", {"always": mornings, "office": ALWAYS})
    )

    async def done() -> bool:
        return not await pool.rows("select 1 from policy_change")

    async with at_it(tasks.recompute_forever(pool.engine, pool.configurations, lambda: pool.now)):
        await until(done)
    assert {row.due_at for row in await pool.clocks()} == {MONDAY + timedelta(days=1, hours=3)}
    lines = await pool.rows(
        "select due_before, due_after, cause, configuration_version as v from clock_entry where kind = 'recomputed' "
        "and clock_id = (select min(clock_id::text)::uuid from clock) order by place"
    )
    assert [(row.due_before, row.due_after, row.cause) for row in lines] == [
        (MONDAY + hours(4), MONDAY + hours(6), f"configuration {lines[0].v}"),
        (MONDAY + hours(6), MONDAY + timedelta(days=1, hours=3), f"configuration {lines[1].v}"),
    ]


async def _catch_up(pool: Promises, limit: int) -> int:
    async with pool.engine.begin() as tx:
        return await clocks.recompute_changed_policies(tx, pool.configurations, pool.now, limit)


async def test_a_new_configuration_that_promises_the_same_touches_no_clock(pool: Promises) -> None:
    await pool.apply(CaseHistory(1, MONDAY).opened)
    await pool.organise(
        promising(),
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


async def test_firing_what_is_due_reads_what_is_due_however_many_run(pool: Promises) -> None:
    read: list[int] = []
    for running in (1_000, 60_000):
        await _run(pool, running)
        case = CaseHistory(900_000 + running, MONDAY)
        pool.now = MONDAY
        await pool.apply(case.opened)
        await _analyzed(pool)
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
            found: Any = (await connection.execute(plan)).scalar_one()
            assert found[0]["Plan"]["Actual Rows"] == 1
            read.append(found[0]["Plan"]["Shared Hit Blocks"] + found[0]["Plan"]["Shared Read Blocks"])
    assert read[1] <= read[0] + 12, read


async def _run(pool: Promises, number: int) -> None:
    """So many clocks that run, beside one that is heard of."""
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


async def _analyzed(pool: Promises) -> None:
    async with pool.engine.connect() as connection:
        free = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await free.execute(text("vacuum analyze timer"))


@pytest.fixture
async def http(pool: Promises, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = create_app(
        title="t", service="routing", description="t", engine=pool.engine, access=access, package="routing"
    )
    app.include_router(
        api.router(pool.engine, ChangeFeed(pool.engine), lambda: pool.now, pool.configurations)
    )
    token = keys.token(tmp_path, role=Role.MANAGER, name="mia", now=utc_now())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def test_how_many_promises_were_kept_by_queue_channel_policy_and_period(
    pool: Promises, http: httpx.AsyncClient
) -> None:
    late, kept, rates = CaseHistory(1, MONDAY), CaseHistory(2, MONDAY), CaseHistory(3, MONDAY, "rates")
    await pool.apply(late.opened, kept.opened, rates.opened)
    await pool.hear_at(MONDAY + hours(1), kept.wrote(), kept.sent(pool.now + hours(1)))
    await pool.hear_at(MONDAY + hours(2), rates.set("closed", "spam"))
    await pool.hear_at(MONDAY + hours(30), late.wrote(), late.sent(MONDAY + hours(30)))
    asked = {"from": MONDAY.isoformat(), "to": (MONDAY + hours(48)).isoformat()}
    found = await http.get(
        "/sla/attainment", params={**asked, "by": ["queue", "channel", "policy"], "period": "month"}
    )
    assert found.status_code == 200, found.text
    shown = [
        (row["queue"], row["kept"], row["missed"], row["cancelled"], row["attained"])
        for row in found.json()["items"]
    ]
    assert shown == [("planning", 1, 1, 0, 0.5), ("rates", 0, 0, 1, None)]
    assert found.json()["items"][0]["policy"] == "standard"
    (whole,) = (await http.get("/sla/attainment", params=asked)).json()["items"]
    assert (whole["kept"], whole["missed"], whole["queue"]) == (1, 1, None)
    backwards = await http.get("/sla/attainment", params={"from": asked["to"], "to": asked["from"]})
    assert backwards.status_code == 422


async def test_a_cases_clocks_are_shown_with_their_ledgers(pool: Promises, http: httpx.AsyncClient) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.set("pending", "a call"))
    found = await http.get(f"/cases/{case.case.case_id}/clocks")
    assert found.status_code == 200, found.text
    (clock,) = found.json()["items"]
    assert [line["kind"] for line in clock["ledger"]] == ["applied", "paused"]
    assert clock["ledger"][1]["cause"] == "the customer is awaited: a call"
    assert (clock["paused_since"] is not None, clock["ledger"][0]["within_s"]) == (True, 14400.0)
    assert (await http.get("/cases/00000000-0000-0000-0000-00000000abcd/clocks")).status_code == 404
