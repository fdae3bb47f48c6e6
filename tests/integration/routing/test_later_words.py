"""Rules about later words: which of them move work, what a new decision records and publishes, and who is shown it."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, AgentPool
from tests.support.routing.messages import CaseWithMessages
from tests.support.routing.organisation import Change, section

PERMIT = {
    "name": "Permits", "when": 'case.unanswered_text.contains("permit")', "moves": True,
    "then": {"queue": "planning", "priority": 10, "labels": ["permit"], "skills": {"planning": 3}},
}  # fmt: skip
DANGER = {
    "name": "Danger", "when": 'case.unanswered_text.contains("gas")', "then": {"queue": "hazards", "priority": 95},
}  # fmt: skip
FRONT = {"name": "All", "when": "true", "then": {"queue": "front-desk", "priority": 30}}


def rules(*given: dict[str, Any]) -> Change:
    return section("rules", [*given])


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(rules(DANGER, PERMIT, FRONT))
    return made


async def work_of(pool: AgentPool) -> Any:
    (row,) = await pool.rows("select * from work_item where state <> 'completed'")
    return row


async def events(pool: AgentPool) -> list[dict[str, Any]]:
    rows = await pool.rows("select value from outbox where headers like '%work.redecided.v1%' order by id")
    return [json.loads(bytes(row.value)) for row in rows]


async def test_a_rule_that_moves_takes_waiting_work_to_its_queue_and_lowers_nothing(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    before = await work_of(pool)
    await pool.apply(case.interaction_added("I need a permit"))
    work = await work_of(pool)
    assert (before.queue, work.queue, work.priority, work.labels) == (
        "front-desk",
        "planning",
        30,
        ["permit"],
    )
    assert work.due_at <= before.due_at
    (event,) = await events(pool)
    assert (event["from_queue"], event["previous_priority"], event["previous_labels"]) == (
        "front-desk",
        30,
        [],
    )
    assert (event["previous_skills"], event["work"]["skills"]) == ([], [{"skill": "planning", "level": 3}])
    assert event["previous_due_at"] is not None


async def test_a_new_decision_is_explained_with_the_work_before_and_after(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    await pool.apply(case.interaction_added("I need a permit"), case.interaction_added("Hello?"))
    await pool.apply(case.interaction_added("I smell gas"))
    why: Any = await pool.why("C-1")
    made, permit, danger = why["decisions"]
    assert (made.rule, made.before, made.after) == ("All", None, None)
    assert (permit.rule, permit.before.queue, permit.after.queue) == ("Permits", "front-desk", "planning")
    assert (permit.after, danger.before.priority, danger.after.priority) == (danger.before, 30, 95)
    assert (danger.before.skills, danger.after.skills) == ({"planning": 3}, {})
    assert why["decision"].decision_id == danger.decision_id


async def test_a_transfer_by_a_person_is_not_undone_by_further_words(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added("I need a permit"))
    await pool.transfer((await work_of(pool)).work_item_id, "rates")
    await pool.apply(case.interaction_added("The permit is for a shed"))
    assert (await work_of(pool)).queue == "rates"


async def test_accepted_work_moves_by_a_rule_at_the_same_priority_when_it_waits_again(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo", Presence.AVAILABLE)
    await pool.apply(case.opened)
    await pool.assign()
    ((offer,),) = (await pool.pending()).values()
    assert await pool.accept(offer, "hugo") == 200
    await pool.apply(case.interaction_added("I need a permit"))
    work = await work_of(pool)
    assert (work.queue, work.agent_id, work.priority) == ("front-desk", "hugo", 30)
    await pool.apply(case.interaction_added("The permit is for a shed"))
    assert len(await events(pool)) == 1
    await pool.take_back(work.work_item_id)
    await pool.fire()
    assert (await work_of(pool)).queue == "planning"


async def test_a_rule_for_first_words_only_decides_about_new_work_alone(pool: AgentPool) -> None:
    first = PERMIT | {"moves": False, "first_words_only": True, "then": {"queue": "planning", "priority": 60}}
    await pool.organise(rules(first, FRONT))
    await pool.apply(CaseWithMessages(pool, 1, text="I need a permit").opened)
    case = CaseWithMessages(pool, 2)
    await pool.apply(case.opened, case.interaction_added("I need a permit"))
    rows = await pool.rows("select queue, priority from work_item order by case_id")
    assert [tuple(row) for row in rows] == [("planning", 60), ("front-desk", 30)]
    assert await events(pool) == []


@pytest.mark.parametrize(
    ("threshold", "shown"), [(95, True), (96, False), (30, True), (None, False)], ids=str
)
async def test_supervisors_are_shown_a_rise_to_the_configured_priority(
    pool: AgentPool, threshold: int | None, shown: bool
) -> None:
    await pool.organise(rules(DANGER, PERMIT, FRONT), section("alerts", {"raised_priority": threshold}))
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added("I need a permit"))
    assert await pool.rows("select 1 from change_log where kind = 'priority-raised'") == []
    await pool.apply(case.interaction_added("I smell gas"))
    raised = await pool.rows("select audience, data from change_log where kind = 'priority-raised'")
    assert [row.audience for row in raised] == ([["supervisors"]] if shown else [])
    for row in raised:
        assert row.data == {
            "case_reference": "C-1", "queue": "hazards", "priority": 95, "previous_priority": 30, "previous_queue": "planning",
        }  # fmt: skip


# Some move work to a lower priority, some are for first words only, some have a promise of their own.
WORDS = ["hello", "permit", "gas", "bins", "lawyer"]
MANY = [
    DANGER,
    {"name": "Lawyers", "when": 'interaction.text.contains("lawyer")', "go_on": True, "then": {"priority": 70}},
    {"name": "Bins", "when": 'interaction.text.contains("bins")', "moves": True,
     "then": {"queue": "rates", "priority": 5, "sla_policy": "social"}},
    PERMIT,
    {"name": "First", "when": 'interaction.text.contains("hello")', "first_words_only": True,
     "then": {"queue": "roads", "priority": 60}},
    FRONT,
]  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("write"), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)),
    st.tuples(st.just("edit"), st.sampled_from(WORDS)),
    st.tuples(st.just("assign"), st.sampled_from(["hugo", "elena"])),
    st.tuples(st.just("take back"), st.just("")),
    st.tuples(st.just("transfer"), st.sampled_from(["rates", "planning", "front-desk"])),
    st.tuples(st.just("reprioritise"), st.sampled_from(["0", "50", "99"])),
)


async def test_words_never_lower_priority_lengthen_a_due_time_or_take_accepted_work(
    pool: AgentPool,
) -> None:
    await pool.organise(rules(*MANY))
    await pool.present("hugo")
    await pool.present("elena")
    loop, numbers = asyncio.get_running_loop(), itertools.count(1)

    @settings(
        max_examples=60 if settings().derandomize else 500,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.sampled_from(WORDS), st.lists(STEPS, min_size=1, max_size=8))
    def holds(first: str, played: list[tuple[str, str]]) -> None:
        asyncio.run_coroutine_threadsafe(_play(pool, numbers, first, played), loop).result()

    await asyncio.to_thread(holds)


async def _play(pool: AgentPool, numbers: Iterator[int], first: str, played: list[tuple[str, str]]) -> None:
    case = CaseWithMessages(pool, next(numbers), text=first)
    await pool.apply(case.opened)
    for step, value in played:
        before = await work_of_case(pool, case)
        match step:
            case "write":
                await pool.apply(case.interaction_added(value))
            case "edit":
                await pool.apply(case.interaction_edited(value))
            case "assign":
                await pool.assign_to(value, before.work_item_id)
            case "take back":
                await pool.take_back(before.work_item_id)
            case "transfer":
                await pool.transfer(before.work_item_id, value)
            case _:
                await pool.reprioritise(before.work_item_id, int(value))
        if step in {"write", "edit"}:
            after = await work_of_case(pool, case)
            assert after.priority >= before.priority
            assert after.due_at <= before.due_at
            assert set(before.labels) <= set(after.labels)
            if before.state == ACCEPTED:
                assert (after.state, after.agent_id, after.queue) == (
                    ACCEPTED,
                    before.agent_id,
                    before.queue,
                )


async def work_of_case(pool: AgentPool, case: CaseWithMessages) -> Any:
    (row,) = await pool.rows("select * from work_item where case_id = :case", case=case.case.case_id)
    return row
