"""More words on a case whose work is open, on a real PostgreSQL: the urgency of what was said is not lost."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import (
    CaseInteractionAdded,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatusChanged,
    InteractionFacts,
    StatusTrigger,
)
from antiphon.contracts.work import WorkState
from routing.domain.queues.escalation import EscalationKind
from tests.conftest import NewDatabase
from tests.support.routing.case_history import promising, within
from tests.support.routing.configured import ACCEPTED, OFFERED, QUEUED, AgentPool, Json, queue, section
from tests.support.routing.harness import opened

LEAK = "There is a gas leak here, come at once!"
SYSTEM = Actor(kind="system", id="case-mgmt")


class Speaking:
    """A case whose customer speaks again and again, as case-mgmt publishes it."""

    def __init__(
        self, pool: AgentPool, number: int = 1, department: str | None = None, text: str = "When do you open?"
    ) -> None:
        event = opened(number, pool.now)
        case = event.case.model_copy(update={"department": department, "revision": 1, "asked_revision": 1})
        said = event.interaction.model_copy(
            update={
                "text": text, "subject": None, "topics": [], "tone": "neutral", "accepted_at": pool.now,
                "interaction_id": uuid4(),
            }
        )  # fmt: skip
        self.pool = pool
        self.opened: CaseOpened = event.model_copy(
            update={"case": case.model_copy(update={"awaiting_answer_since": pool.now}), "interaction": said}
        )
        self.case = self.opened.case
        self.words: list[InteractionFacts] = [said]

    def spoke(self, text: str, **changed: Any) -> CaseInteractionAdded:
        """The customer says something more."""
        before = [*self.words]
        at = self.pool.now + timedelta(seconds=len(before))
        said = before[0].model_copy(
            update={"text": text, "interaction_id": uuid4(), "accepted_at": at, **changed}
        )
        self.words.append(said)
        status = "new" if self.case.status == "new" else "open"
        self._moved(asks=True, status=status, awaiting_answer_since=self.case.awaiting_answer_since or at)
        return CaseInteractionAdded(
            case=self.case, interaction=said, threaded_by="open-case", unanswered=before
        )

    def edited(self, text: str) -> CaseInteractionEdited:
        """The customer changes their first words."""
        self.words[0] = self.words[0].model_copy(update={"text": text})
        self._moved(asks=True)
        return CaseInteractionEdited(case=self.case, interaction=self.words[0], unanswered=self.words[1:])

    def status(
        self, status: str, trigger: StatusTrigger, *, asks: bool = False, words: bool = False, **changed: Any
    ) -> CaseStatusChanged:
        """The case moves."""
        previous = self.case.status
        self._moved(asks=asks, status=status, **changed)
        return CaseStatusChanged(
            case=self.case, previous=previous, by=SYSTEM, trigger=trigger, reason="for people",
            unanswered=self.words if words else [],
        )  # fmt: skip

    def answered(self) -> CaseStatusChanged:
        """An agent wrote an answer."""
        return self.status("pending", StatusTrigger.REPLY_REQUESTED, awaiting_answer_since=None)

    def bounced(self) -> CaseStatusChanged:
        """The answer could not be sent."""
        since = self.words[0].accepted_at
        return self.status(
            "open", StatusTrigger.REPLY_FAILED, asks=True, words=True, awaiting_answer_since=since
        )

    def accept_echo(self) -> CaseStatusChanged:
        """Case-mgmt read that an agent took the work."""
        return self.status("open", StatusTrigger.WORK_ACCEPTED)

    def _moved(self, *, asks: bool, **changed: Any) -> None:
        revision = self.case.revision + 1
        asked = {"asked_revision": revision} if asks else {}
        self.case = self.case.model_copy(update={"revision": revision, **asked, **changed})


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def the_work(pool: AgentPool) -> Any:
    (row,) = await pool.rows("select * from work_item where state <> 'completed'")
    return row


async def redecided(pool: AgentPool) -> list[Json]:
    rows = await pool.rows("select value from outbox where headers like '%work.redecided.v1%' order by id")
    return [json.loads(bytes(row.value)) for row in rows]


async def test_danger_in_a_second_message_goes_to_the_hazard_line_and_its_offer_elsewhere_is_withdrawn(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    before = await the_work(pool)
    assert (before.queue, before.priority, before.state) == ("front-desk", 30, OFFERED)
    await pool.apply(case.spoke(LEAK))
    work = await the_work(pool)
    assert (work.queue, work.priority, work.state, work.agent_id) == ("hazards", 95, QUEUED, None)
    assert (work.work_item_id, work.attempts, work.queued_at) == (before.work_item_id, 1, before.queued_at)
    assert work.due_at < before.due_at
    assert [row.result for row in await pool.rows("select result from offer")] == ["withdrawn"]
    why = await pool.why("C-1")
    assert (why["decision"].rule, why["decision"].context["case.unanswered_text"]) == (
        "Danger", f"When do you open?\n\n{LEAK}",
    )  # fmt: skip
    assert [(one.kind, "Front desk to Hazard line" in one.what) for one in why["escalations"]] == [
        (EscalationKind.REDECIDED, True)
    ]
    (event,) = await redecided(pool)
    assert (event["from_queue"], event["previous_priority"], event["work"]["queue"]) == (
        "front-desk",
        30,
        "hazards",
    )
    assert event["decision"]["rule"] == "Danger"


async def test_danger_that_came_first_is_not_lost_by_harmless_words_after_it(pool: AgentPool) -> None:
    case = Speaking(pool, text=LEAK)
    await pool.apply(case.opened, case.spoke("And when do you open?"))
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)
    assert await redecided(pool) == []


async def test_words_that_are_edited_into_danger_are_decided_again(pool: AgentPool) -> None:
    case = Speaking(pool)
    await pool.apply(case.opened)
    await pool.apply(case.edited(LEAK))
    assert (await the_work(pool)).queue == "hazards"


async def test_accepted_work_stays_with_its_agent_is_as_urgent_and_their_desktop_gets_the_change(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    (last,) = await pool.rows("select coalesce(max(id), 0) as id from change_log")
    await pool.apply(case.spoke(LEAK))
    work = await the_work(pool)
    assert (work.queue, work.priority, work.state, work.agent_id) == ("front-desk", 95, ACCEPTED, "hugo")
    changes = await pool.rows("select kind, audience from change_log where id > :id", id=last.id)
    assert any(row.kind == "work" and "agent:hugo" in row.audience for row in changes)
    (event,) = await redecided(pool)
    assert (event["work"]["agent_id"], event["work"]["priority"], event["from_queue"]) == (
        "hugo",
        95,
        "front-desk",
    )
    assert "stays with who accepted it" in (await pool.why("C-1"))["escalations"][0].what


@pytest.mark.parametrize("lost", ["offline", "taken back"])
async def test_work_that_danger_found_accepted_goes_to_the_hazard_line_when_it_waits_again(
    pool: AgentPool, lost: str
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(case.spoke(LEAK))
    if lost == "offline":
        await pool.present("hugo", Presence.OFFLINE)
    else:
        await pool.take_back((await the_work(pool)).work_item_id)
    await pool.present("dev")
    await pool.assign()
    await pool.make_due("review")
    work = await the_work(pool)
    assert (work.queue, work.priority, work.state, work.deferred_move) == ("hazards", 95, QUEUED, None)
    # A person who sends it elsewhere is not overruled by words that they have read.
    await pool.move(work.work_item_id, "front-desk")
    await pool.reprioritise(work.work_item_id, 20)
    await pool.apply(case.spoke("Thank you"))
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("front-desk", 20)


async def test_an_answer_that_fails_sends_work_to_the_queue_that_words_had_meant_it_for(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(case.spoke(LEAK))
    await pool.apply(case.answered())
    await pool.apply(case.bounced())
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)


async def test_in_the_same_queue_the_offer_stays_and_what_a_person_set_is_not_lowered(
    pool: AgentPool,
) -> None:
    case = Speaking(pool, department="roads", text="A hole in the road")
    await pool.present("chloe")
    await pool.apply(case.opened)
    await pool.assign()
    before = await the_work(pool)
    await pool.apply(case.spoke("This is unacceptable", tone="negative"))
    work = await the_work(pool)
    assert (before.priority, work.priority, work.skills) == (40, 60, {"roads": 3})
    assert (work.state, work.attempts, work.agent_id) == (OFFERED, 1, "chloe")
    assert len(await pool.pending()) == 1
    await pool.reprioritise(work.work_item_id, 77)
    await pool.apply(case.spoke("Furious!", tone="negative"))
    assert (await the_work(pool)).priority == 77


async def test_a_rule_that_always_holds_does_not_take_work_from_where_a_person_put_it(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.apply(case.opened)
    work = await the_work(pool)
    await pool.move(work.work_item_id, "planning")
    await pool.reprioritise(work.work_item_id, 10)
    decisions = await pool.rows("select 1 from decision")
    for n in range(5):
        await pool.apply(case.spoke(f"Hello? {n}"))
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("planning", 10)
    assert len(await pool.rows("select 1 from decision")) == len(decisions)


async def test_a_longer_promise_never_replaces_a_shorter_one(pool: AgentPool) -> None:
    slow = {"name": "s", "first_response": within(9)}
    await pool.organise(
        promising(first_response=within(1)),
        lambda organisation: organisation["sla_policies"].update(slow=slow),
        queue("hazards", sla_policy="slow"),
    )
    case = Speaking(pool)
    await pool.apply(case.opened)
    before = await the_work(pool)
    await pool.apply(case.spoke(LEAK))
    work = await the_work(pool)
    assert (work.queue, work.due_at) == ("hazards", before.due_at)


async def test_an_answer_that_failed_is_decided_on_the_words_that_it_had_answered(pool: AgentPool) -> None:
    case = Speaking(pool, text=LEAK)
    await pool.apply(case.opened)
    await pool.apply(case.answered())
    await pool.apply(case.bounced())
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("hazards", 95)
    decisions = await pool.rows("select context, rule from decision")
    assert [(row.rule, row.context["interaction.text"]) for row in decisions] == [("Danger", LEAK)] * 2


async def test_an_answer_that_failed_puts_the_case_back_to_the_team_to_which_a_person_had_handed_it(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.apply(case.opened)
    work = await the_work(pool)
    await pool.move(work.work_item_id, "planning")
    await pool.reprioritise(work.work_item_id, 66)
    await pool.apply(case.answered())
    await pool.apply(case.bounced())
    work = await the_work(pool)
    assert (work.queue, work.priority, work.state) == ("planning", 66, QUEUED)
    assert (await pool.why("C-1"))["decision"].reason.startswith("back to Planning, its team")


async def test_an_answer_that_fails_while_newer_words_wait_brings_back_the_urgency_of_the_older(
    pool: AgentPool,
) -> None:
    case = Speaking(pool, text=LEAK)
    await pool.apply(case.opened)
    await pool.apply(case.answered())
    await pool.apply(case.spoke("When do you open?").model_copy(update={"unanswered": []}))
    assert (await the_work(pool)).queue == "front-desk"
    await pool.apply(case.bounced())
    assert (await the_work(pool)).queue == "hazards"


async def test_no_rule_is_asked_about_words_that_are_not_known(pool: AgentPool) -> None:
    case = Speaking(pool)
    case.words = []
    await pool.apply(case.status("open", StatusTrigger.SET_BY_PERSON, asks=True, words=True))
    work = await the_work(pool)
    (decision,) = await pool.rows("select rule, outcome, trace from decision")
    assert (work.queue, decision.rule, decision.outcome, decision.trace) == ("rates", "(no words)", None, [])
    assert (await pool.why("C-1"))["decision"].context == {}


@pytest.mark.parametrize("again", [1, 2])
async def test_work_that_a_person_completed_does_not_come_back_by_the_echo_of_its_acceptance(
    pool: AgentPool, again: int
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    work = await the_work(pool)
    await pool.complete("hugo", work.work_item_id)
    echo = case.accept_echo()
    for _ in range(again):
        await pool.apply(echo)
    assert await pool.rows("select 1 from work_item where state <> 'completed'") == []
    # What the customer says after that is new: it is work again.
    await pool.apply(case.spoke("One more thing"))
    assert (await the_work(pool)).state == QUEUED


async def test_an_echo_that_comes_after_newer_words_changes_nothing(pool: AgentPool) -> None:
    case = Speaking(pool)
    await pool.apply(case.opened)
    work = await the_work(pool)
    await pool.present("bruno")
    await pool.give("bruno", work.work_item_id)
    echo, more = case.accept_echo(), case.spoke("One more thing")
    await pool.complete("bruno", work.work_item_id)
    await pool.apply(more)
    queued = await the_work(pool)
    await pool.give("bruno", queued.work_item_id)
    await pool.complete("bruno", queued.work_item_id)
    await pool.apply(echo)
    assert await pool.rows("select 1 from work_item where state <> 'completed'") == []


async def test_words_that_were_under_way_when_a_person_completed_the_work_are_work_again(
    pool: AgentPool,
) -> None:
    case = Speaking(pool)
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    await pool.accept_all()
    echo, more = case.accept_echo(), case.spoke(LEAK)
    await pool.complete("hugo", (await the_work(pool)).work_item_id)
    await pool.apply(echo, more)
    work = await the_work(pool)
    assert (work.queue, work.state) == ("hazards", WorkState.QUEUED)


async def test_work_flows_over_on_its_way_to_a_queue_that_is_closed(pool: AgentPool) -> None:
    hours = {"name": "Never", "time_zone": "UTC", "hours": {"monday": ["00:00-00:01"]}}
    await pool.organise(
        lambda organisation: organisation["calendars"].update(rarely=hours),
        queue("hazards", hours="rarely", outside_hours={"overflow": "roads"}),
        section("fallback_queue", "front-desk"),
    )
    case = Speaking(pool)
    await pool.apply(case.opened)
    await pool.apply(case.spoke(LEAK))
    work = await the_work(pool)
    assert (work.queue, work.priority) == ("roads", 95)
