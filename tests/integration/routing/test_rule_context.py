"""Rules ask about queues and calendars: these facts are read once a batch and kept with each decision."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from routing.queues import rule_context
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import opened, status_changed
from tests.support.routing.organisation import Change, Json
from tests.support.routing.queues import put_state
from tests.support.statements import counted

BUSY = {
    "name": "Rates are busy",
    "when": 'case.department == "rates" && queues["rates"].waiting >= 2 && queues["rates"].agents_present == 1',
    "then": {"queue": "front-desk", "priority": 40},
}


def add_first(rule: Json) -> Change:
    return lambda organisation: organisation["rules"].insert(0, rule)


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(add_first(BUSY))
    return made


async def test_a_rule_asks_about_queues_and_the_decision_keeps_its_context(
    pool: AgentPool,
) -> None:
    await pool.present("amara", Presence.BUSY)
    await pool.apply(*(opened(n, pool.now, "rates", waited=n) for n in (1, 2)))
    await pool.apply(*(opened(n, pool.now, "rates") for n in (3, 4)))
    await pool.present("bruno")
    await put_state(pool, "roads", QueueState.CLOSED)
    await pool.apply(opened(5, pool.now, "rates"))
    rows = await pool.rows(
        "select context, rule from decision join work_item w using (work_item_id) order by w.case_reference"
    )
    assert [row.rule for row in rows] == ["Rates", "Rates", "Rates are busy", "Rates are busy", "Rates"]
    contexts = [{name: value for name, value in row.context.items() if '["rates"]' in name} for row in rows]
    assert contexts[0] == {'queues["rates"].agents_present': 1}
    assert contexts[2] == contexts[3]  # as it was when the batch began
    assert contexts[2]['queues["rates"].waiting'] == 2
    assert 120 <= contexts[2]['queues["rates"].oldest_seconds'] < 130
    assert contexts[4]['queues["rates"].agents_present'] == 2
    assert rows[4].context['queues["front-desk"].waiting'] == 2
    assert rows[4].context['queues["roads"].open'] is False
    assert 'queues["roads"].open' not in rows[3].context
    assert rows[0].context['calendar("always").open'] is True
    assert rows[0].context["now.date"] == pool.now.astimezone(await _zone(pool)).date().isoformat()
    assert (await pool.decision("C-3")).context['queues["rates"].waiting'] == 2


async def _zone(pool: AgentPool) -> ZoneInfo:
    async with pool.engine.begin() as tx:
        return (await pool.active(tx)).configuration.zone


async def test_queue_facts_are_read_once_a_batch_and_only_when_a_rule_decides(
    pool: AgentPool,
) -> None:
    cases = [opened(n, pool.now, "rates") for n in range(1, 31)]
    for size in (1, 29):
        with counted(pool.engine) as statements:
            await pool.apply(*cases[:size])
        assert sum("work_count_change" in s and "select" in s and "surge" in s for s in statements) == 1
        del cases[:size]
    with counted(pool.engine) as statements:
        await pool.apply(status_changed(opened(1, pool.now, "rates")))
    assert not any("from surge" in s for s in statements)


async def test_work_that_is_ended_and_decided_anew_in_one_batch_sees_queue_facts(
    pool: AgentPool,
) -> None:
    event = opened(1, pool.now, "rates")
    await pool.apply(event)
    again = event.model_copy(
        update={"case": event.case.model_copy(update={"revision": event.case.revision + 2})}
    )
    pool.now += timedelta(seconds=1)
    await pool.apply(status_changed(event), again)
    rows = await pool.rows("select context from decision order by at")
    assert rows[1].context['queues["rates"].waiting'] == 1


async def test_queue_facts_are_read_without_a_scan_of_waiting_work(pool: AgentPool) -> None:
    async with pool.engine.begin() as tx:
        await tx.execute(
            text(
                "insert into work_item (work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, "
                "skills, queued_at, decision_id, changed_at) select gen_random_uuid(), gen_random_uuid(), 'C', "
                "gen_random_uuid(), 'email', 'queued', 'rates', 1, '{}', now() - make_interval(secs => n), "
                "gen_random_uuid(), now() from generate_series(1, 20000) n"
            )
        )
        await tx.execute(text("analyze work_item"))
        query = rule_context.QUERY.text.replace(":queues", "array['rates', 'roads']")
        plan = "\n".join(row[0] for row in await tx.execute(text("explain " + query)))
    assert "work_item_oldest_ix" in plan
    assert "Seq Scan on work_item" not in plan
