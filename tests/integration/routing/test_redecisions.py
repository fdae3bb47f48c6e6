"""Later messages of a case with open work: the rules decide again, and no urgency is lost."""

import json
from typing import Any

import pytest

from antiphon.contracts.agents import Presence
from antiphon.contracts.cases import StatusTrigger
from antiphon.contracts.work import WorkState
from routing.domain.queues.escalation import EscalationKind
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.case_history import sla_policies, within
from tests.support.routing.messages import CaseWithMessages
from tests.support.routing.organisation import Json, queue, section

LEAK = "There is a gas leak here, come at once!"


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def open_work(pool: AgentPool) -> Any:
    (row,) = await pool.rows("select * from work_item where state <> 'completed'")
    return row


async def redecided_events(pool: AgentPool) -> list[Json]:
    rows = await pool.rows("select value from outbox where headers like '%work.redecided.v1%' order by id")
    return [json.loads(bytes(row.value)) for row in rows]


async def test_danger_in_a_second_message_moves_the_work_and_withdraws_its_offer(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    before = await open_work(pool)
    assert (before.queue, before.priority, before.state) == ("front-desk", 30, OFFERED)
    await pool.apply(case.interaction_added(LEAK))
    work = await open_work(pool)
    assert (work.queue, work.priority, work.state, work.agent_id) == ("hazards", 95, QUEUED, None)
    assert (work.work_item_id, work.attempts, work.queued_at) == (before.work_item_id, 1, before.queued_at)
    assert work.due_at < before.due_at
    assert [row.result for row in await pool.rows("select result from offer")] == ["withdrawn"]
    why = await pool.why("C-1")
    decision = await pool.decision("C-1")
    unanswered = decision.context["case.unanswered_text"]
    assert (decision.rule, unanswered) == ("Danger", f"When do you open?\n\n{LEAK}")
    assert [(step.kind, "Front desk to Hazard line" in step.what) for step in why["escalations"]] == [
        (EscalationKind.REDECIDED, True)
    ]
    (event,) = await redecided_events(pool)
    assert (event["from_queue"], event["previous_priority"], event["work"]["queue"]) == (
        "front-desk",
        30,
        "hazards",
    )
    assert event["decision"]["rule"] == "Danger"


async def test_danger_in_the_first_message_still_counts_after_a_harmless_one(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, text=LEAK)
    await pool.apply(case.opened, case.interaction_added("And when do you open?"))
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)
    assert await redecided_events(pool) == []


async def test_a_message_that_is_edited_into_danger_is_decided_again(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    await pool.apply(case.interaction_edited(LEAK))
    assert (await open_work(pool)).queue == "hazards"


async def test_accepted_work_stays_with_its_agent_whose_desktop_gets_the_new_priority(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    (last,) = await pool.rows("select coalesce(max(id), 0) as id from change_log")
    await pool.apply(case.interaction_added(LEAK))
    work = await open_work(pool)
    assert (work.queue, work.priority, work.state, work.agent_id) == ("front-desk", 95, ACCEPTED, "hugo")
    changes = await pool.rows("select kind, audience from change_log where id > :id", id=last.id)
    assert any(row.kind == "work" and "agent:hugo" in row.audience for row in changes)
    (event,) = await redecided_events(pool)
    assert (event["work"]["agent_id"], event["work"]["priority"], event["from_queue"]) == (
        "hugo",
        95,
        "front-desk",
    )
    assert "stays with who accepted it" in (await pool.why("C-1"))["escalations"][0].what


@pytest.mark.parametrize("how", ["offline", "taken back"])
async def test_accepted_work_moves_to_the_queue_of_a_later_message_when_it_waits_again(
    pool: AgentPool, how: str
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(case.interaction_added(LEAK))
    if how == "offline":
        await pool.present("hugo", Presence.OFFLINE)
    else:
        await pool.take_back((await open_work(pool)).work_item_id)
    await pool.present("dev")
    await pool.assign()
    await pool.make_due("review")
    work = await open_work(pool)
    assert (work.queue, work.priority, work.state, work.deferred_move) == ("hazards", 95, QUEUED, None)
    # A later message does not overrule a person who transferred the work after they read the case.
    await pool.transfer(work.work_item_id, "front-desk")
    await pool.reprioritise(work.work_item_id, 20)
    await pool.apply(case.interaction_added("Thank you"))
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("front-desk", 20)


async def test_words_that_take_back_the_danger_leave_the_work_where_it_is(pool: AgentPool) -> None:
    rules = [
        {"name": "leak", "when": 'case.unanswered_text.contains("leak")', "then": {"queue": "hazards", "priority": 95}},
        {"name": "any", "when": "interaction.text.size() > 0", "then": {"queue": "front-desk", "priority": 30}},
    ]  # fmt: skip
    await pool.organise(section("rules", rules))
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(case.interaction_edited("A leak"))
    assert (await open_work(pool)).deferred_move["queue"] == "hazards"
    await pool.apply(case.interaction_edited("A tap that drips"))
    work = await open_work(pool)
    assert (work.deferred_move, work.decided_queue, work.state) == (None, "front-desk", ACCEPTED)
    assert "meant for Front desk again" in (await pool.why("C-1"))["escalations"][-1].what
    await pool.take_back(work.work_item_id)
    await pool.organise(section("rules", rules))
    assert (await open_work(pool)).queue == "front-desk"


@pytest.mark.parametrize("comes", [True, False])
async def test_work_that_waits_for_an_agent_moves_to_the_queue_of_a_later_message_only_after(
    pool: AgentPool, comes: bool
) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    item = (await open_work(pool)).work_item_id
    assert await pool.assign_to("hugo", item, wait=True) == 200
    await pool.apply(case.interaction_added(LEAK))
    await pool.organise()
    work = await open_work(pool)
    assert (work.queue, work.priority, work.state, work.preferred) == ("front-desk", 95, QUEUED, "hugo")
    assert (work.handover["agent_id"], work.deferred_move["queue"]) == ("hugo", "hazards")
    assert "waits for the agent" in (await pool.why("C-1"))["escalations"][0].what
    if comes:
        await pool.present("hugo")
        await pool.assign()
        work = await open_work(pool)
        assert (work.queue, work.state, work.agent_id) == ("front-desk", ACCEPTED, "hugo")
        return
    pool.now = work.hold_until
    await pool.make_due("hold")
    await pool.make_due("review")
    work = await open_work(pool)
    assert (work.queue, work.state, work.deferred_move) == ("hazards", QUEUED, None)


async def test_a_failed_answer_sends_the_work_to_the_queue_of_a_later_message(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(case.interaction_added(LEAK))
    await pool.apply(case.reply_requested())
    await pool.apply(case.reply_failed())
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)


async def test_the_revision_of_the_work_of_a_case_grows_also_after_a_failed_answer(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    await pool.apply(case.reply_requested())
    await pool.apply(case.interaction_added("Hello?"))
    await pool.apply(case.reply_requested())
    # The failed answer is to the first message: the customer has waited since then.
    await pool.apply(case.reply_failed())
    await pool.apply(case.reply_requested())
    await pool.apply(case.interaction_added("Is anybody there?"))
    rows = await pool.rows("select value from outbox where headers like '%work.%' order by id")
    revisions = [json.loads(bytes(row.value))["work"]["revision"] for row in rows]
    assert revisions == sorted(set(revisions))
    assert (await open_work(pool)).revision == len(revisions) == 7


async def test_in_the_same_queue_the_offer_stays_and_a_persons_priority_is_not_lowered(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool, department="roads", text="A hole in the road")
    await pool.present("chloe")
    await pool.apply(case.opened)
    await pool.assign()
    before = await open_work(pool)
    await pool.apply(case.interaction_added("This is unacceptable", tone="negative"))
    work = await open_work(pool)
    assert (before.priority, work.priority, work.skills) == (40, 60, {"roads": 3})
    assert (work.state, work.attempts, work.agent_id) == (OFFERED, 1, "chloe")
    assert len(await pool.pending()) == 1
    await pool.reprioritise(work.work_item_id, 77)
    await pool.apply(case.interaction_added("Furious!", tone="negative"))
    assert (await open_work(pool)).priority == 77


async def test_a_rule_that_always_holds_does_not_take_work_from_where_a_person_put_it(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    work = await open_work(pool)
    await pool.transfer(work.work_item_id, "planning")
    await pool.reprioritise(work.work_item_id, 10)
    decisions = await pool.rows("select 1 from decision")
    for n in range(5):
        await pool.apply(case.interaction_added(f"Hello? {n}"))
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("planning", 10)
    assert len(await pool.rows("select 1 from decision")) == len(decisions)


async def test_a_later_due_time_never_replaces_an_earlier_one(pool: AgentPool) -> None:
    slow = {"name": "s", "first_response": within(9)}
    await pool.organise(
        sla_policies(first_response=within(1)),
        lambda organisation: organisation["sla_policies"].update(slow=slow),
        queue("hazards", sla_policy="slow"),
    )
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    before = await open_work(pool)
    await pool.apply(case.interaction_added(LEAK))
    work = await open_work(pool)
    assert (work.queue, work.due_at) == ("hazards", before.due_at)


async def test_after_a_failed_answer_rules_decide_on_the_messages_that_it_had_answered(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool, text=LEAK)
    await pool.apply(case.opened)
    await pool.apply(case.reply_requested())
    await pool.apply(case.reply_failed())
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)
    decisions = await pool.rows("select context, rule from decision")
    assert [(row.rule, row.context["interaction.text"]) for row in decisions] == [("Danger", LEAK)] * 2


async def test_after_a_failed_answer_the_case_returns_to_the_team_that_a_person_chose(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    work = await open_work(pool)
    await pool.transfer(work.work_item_id, "planning")
    await pool.reprioritise(work.work_item_id, 66)
    await pool.apply(case.reply_requested())
    await pool.apply(case.reply_failed())
    work = await open_work(pool)
    assert (work.queue, work.priority, work.state) == ("planning", 66, QUEUED)
    assert (await pool.decision("C-1")).reason.startswith("back to Planning, its team")


async def test_a_failed_answer_restores_the_urgency_of_the_older_of_two_messages(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool, text=LEAK)
    await pool.apply(case.opened)
    await pool.apply(case.reply_requested())
    await pool.apply(case.interaction_added("When do you open?").model_copy(update={"unanswered": []}))
    assert (await open_work(pool)).queue == "front-desk"
    await pool.apply(case.reply_failed())
    assert (await open_work(pool)).queue == "hazards"


async def test_no_rule_is_asked_when_the_event_carries_no_message(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    case.messages = []
    await pool.apply(case.status_changed("open", StatusTrigger.SET_BY_PERSON, asks=True, with_messages=True))
    work = await open_work(pool)
    (decision,) = await pool.rows("select rule, outcome, trace from decision")
    assert (work.queue, decision.rule, decision.outcome, decision.trace) == ("rates", "(no words)", None, [])
    assert (await pool.decision("C-1")).context == {}


@pytest.mark.parametrize("times", [1, 2])
async def test_completed_work_does_not_come_back_by_a_late_event_of_its_acceptance(
    pool: AgentPool, times: int
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    work = await open_work(pool)
    await pool.complete("hugo", work.work_item_id)
    accepted = case.work_accepted()
    for _ in range(times):
        await pool.apply(accepted)
    assert await pool.rows("select 1 from work_item where state <> 'completed'") == []
    # A later message of the customer is work again.
    await pool.apply(case.interaction_added("One more thing"))
    assert (await open_work(pool)).state == QUEUED


async def test_a_late_event_of_an_acceptance_after_a_newer_message_changes_nothing(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    work = await open_work(pool)
    await pool.present("bruno")
    await pool.assign_to("bruno", work.work_item_id)
    accepted, message = case.work_accepted(), case.interaction_added("One more thing")
    await pool.complete("bruno", work.work_item_id)
    await pool.apply(message)
    queued = await open_work(pool)
    await pool.assign_to("bruno", queued.work_item_id)
    await pool.complete("bruno", queued.work_item_id)
    await pool.apply(accepted)
    assert await pool.rows("select 1 from work_item where state <> 'completed'") == []


async def test_a_message_that_was_under_way_when_its_work_was_completed_is_work_again(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    accepted, message = case.work_accepted(), case.interaction_added(LEAK)
    await pool.complete("hugo", (await open_work(pool)).work_item_id)
    await pool.apply(accepted, message)
    work = await open_work(pool)
    assert (work.queue, work.state) == ("hazards", WorkState.QUEUED)


async def test_work_on_its_way_to_a_closed_queue_overflows(pool: AgentPool) -> None:
    hours = {"name": "Never", "time_zone": "UTC", "hours": {"monday": ["00:00-00:01"]}}
    await pool.organise(
        lambda organisation: organisation["calendars"].update(rarely=hours),
        queue("hazards", hours="rarely", outside_hours={"overflow": "roads"}),
        section("fallback_queue", "front-desk"),
    )
    case = CaseWithMessages(pool)
    await pool.apply(case.opened)
    await pool.apply(case.interaction_added(LEAK))
    work = await open_work(pool)
    assert (work.queue, work.priority) == ("roads", 95)
