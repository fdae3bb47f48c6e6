"""What customers are promised, on a real PostgreSQL: targets, pauses, other terms, and answers in any order."""

import asyncio
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from antiphon.contracts.envelope import decode
from routing.domain.time.sla_clock import Kind
from tests.conftest import NewDatabase
from tests.support.routing.case_history import ALWAYS, MONDAY, CaseHistory, Promises, hours, promising, within
from tests.support.routing.configured import section

RESPONSES = promising(next_response=within(2), resolution=within(24))


@pytest.fixture
async def pool(new_database: NewDatabase) -> Promises:
    made = Promises(await new_database("routing"))
    made.now = MONDAY
    await made.organise(RESPONSES)
    return made


async def test_16_lunch_weekend_holiday_and_clock_change_as_the_work_shows_it(pool: Promises) -> None:
    office = {
        day: ["09:00-12:00", "13:00-18:00"]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    }
    day_off = {"extra": [{"date": "2035-03-26", "name": "The council's day"}]}
    berlin = {"name": "Berlin", "time_zone": "Europe/Berlin", "hours": office, "holidays": day_off}
    await pool.organise(
        section("calendars", {"always": ALWAYS, "office": berlin}),
        promising(first_response=within(4, "office")),
    )
    zone = ZoneInfo("Europe/Berlin")
    case = CaseHistory(1, datetime(2035, 3, 23, 17, 30, tzinfo=zone))
    await pool.hear_at(case.now, case.opened)
    due = datetime(2035, 3, 27, 13, 30, tzinfo=zone)
    assert (await pool.clock("first-response")).due_at == due
    assert (await pool.works())["C-1"].due_at == due


async def test_the_three_targets_each_start_and_end_by_what_they_promise(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.wrote())
    await pool.hear_at(MONDAY + hours(1.1), case.sent(MONDAY + hours(1.1)))
    await pool.hear_at(MONDAY + hours(30), case.spoke(MONDAY + hours(30)))
    await pool.hear_at(MONDAY + hours(31), case.wrote("resolved"), case.sent(MONDAY + hours(31)))
    first, resolution, following = await pool.clocks()
    assert (first.target, first.met_at, first.breached_at) == ("first-response", MONDAY + hours(1.1), None)
    assert (following.target, following.started_at) == ("next-response", MONDAY + hours(30))
    assert (following.due_at, following.met_at) == (MONDAY + hours(32), MONDAY + hours(31))
    # One hour until the answer, twenty-nine awaiting the customer, one more until it was resolved.
    assert (resolution.due_at, resolution.met_at, resolution.breached_at) == (
        MONDAY + hours(53),
        MONDAY + hours(31),
        None,
    )
    assert await pool.ledger("resolution") == ["applied", "paused", "resumed", "met"]


async def test_17_three_days_of_awaiting_the_customer_then_resolved_directly_are_not_counted(
    pool: Promises,
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(3), case.wrote(), case.sent(MONDAY + hours(3)))
    await pool.hear_at(MONDAY + hours(75), case.set("resolved"))
    resolution = await pool.clock("resolution")
    assert (resolution.breached_at, resolution.met_at) == (None, MONDAY + hours(75))
    assert "sla.breached.v1" not in await pool.published("sla.")


async def test_18_urgent_and_back_recomputes_keeps_the_history_and_breaches_once(pool: Promises) -> None:
    urgent = [{"priority": 80, "first_response": within(2)}]
    await pool.organise(promising(first_response=within(10), targets=urgent, warn_at=["75%", "90%"]))
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    work = (await pool.works())["C-1"]
    await pool.pass_to(MONDAY + hours(8))
    await pool.reprioritise(work.work_item_id, 90)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(2)
    await pool.pass_to(MONDAY + hours(8.1))
    await pool.reprioritise(work.work_item_id, work.priority)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(10)
    await pool.pass_to(MONDAY + hours(20))
    assert await pool.ledger("first-response") == [
        "applied",
        "warned",
        "recomputed",
        "breached",
        "recomputed",
        "warned",
    ]
    moved = await pool.rows(
        "select due_before, due_after, cause from clock_entry where kind = 'recomputed' order by place"
    )
    assert [(row.due_before, row.due_after) for row in moved] == [
        (MONDAY + hours(10), MONDAY + hours(2)), (MONDAY + hours(2), MONDAY + hours(10)),
    ]  # fmt: skip
    assert moved[0].cause == "priority 90 by Sam Okafor"
    percents = await pool.rows("select percent from clock_entry where kind = 'warned' order by place")
    assert [row.percent for row in percents] == [75, 90]
    assert (await pool.published("sla.")).count("sla.breached.v1") == 1


@pytest.mark.parametrize(
    ("kind", "met"),
    [("agent", True), ("supervisor", True), ("system", False), ("integration", False), ("customer", False)],
)
async def test_19_only_a_persons_public_answer_meets_a_response_target(
    pool: Promises, kind: str, met: bool
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.wrote(), case.sent(MONDAY + hours(1), kind))
    assert ((await pool.clock("first-response")).met_at is not None) == met
    await pool.pass_to(MONDAY + hours(5))
    assert ((await pool.clock("first-response")).breached_at is None) == met


async def test_19_an_internal_note_meets_nothing(pool: Promises) -> None:
    # case-mgmt writes a note as the next revision of the case; no answer is requested, so none is sent.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.set("open", "took a note"))
    await pool.pass_to(MONDAY + hours(5))
    assert await pool.ledger("first-response") == ["applied", "breached"]


async def test_a_pause_and_the_end_of_the_time_at_the_same_instant_are_no_breach(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    pool.now = MONDAY + hours(4)
    pending = case.set("pending", "a call: they look for the papers")
    await asyncio.gather(pool.apply(pending), pool.pass_to(pool.now))
    await pool.pass_to(MONDAY + hours(9))
    assert (await pool.clock("first-response")).breached_at is None
    await pool.hear_at(MONDAY + hours(10), case.set("open"))
    await pool.pass_to(MONDAY + hours(10))
    assert (await pool.clock("first-response")).breached_at == MONDAY + hours(10)


async def test_an_answer_that_could_not_be_sent_never_stopped_anything(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.wrote())
    await pool.hear_at(MONDAY + hours(3), case.failed(MONDAY))
    first, resolution = await pool.clocks()
    assert (first.due_at, resolution.due_at) == (MONDAY + hours(4), MONDAY + hours(24))
    assert (first.paused_since, resolution.paused_since) == (None, None)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(4)


async def test_an_answer_written_before_the_customer_spoke_again_does_not_answer_that(
    pool: Promises,
) -> None:
    case = CaseHistory(1, MONDAY)
    wrote = case.wrote()
    sent = case.sent(MONDAY + hours(2))
    again = case.spoke(MONDAY + hours(1.5))
    await pool.apply(case.opened, wrote)
    await pool.hear_at(MONDAY + hours(1.5), again)
    await pool.hear_at(MONDAY + hours(2), sent)
    assert (await pool.clock("first-response")).met_at == MONDAY + hours(2)
    assert (await pool.clock("next-response")).met_at is None
    await pool.hear_at(MONDAY + hours(3), case.wrote(), case.sent(MONDAY + hours(3)))
    assert (await pool.clock("next-response")).met_at == MONDAY + hours(3)


async def test_answers_heard_before_their_case_meet_what_they_answered(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    wrote, early = case.wrote(), case.sent(MONDAY + hours(1))
    again = case.spoke(MONDAY + hours(2))
    wrote_again, late = case.wrote(), case.sent(MONDAY + hours(3))
    await pool.hear_at(MONDAY + hours(3), late, early)
    await pool.apply(case.opened, wrote, again, wrote_again)
    assert (await pool.clock("first-response")).met_at == MONDAY + hours(1)
    assert (await pool.clock("next-response")).met_at == MONDAY + hours(3)
    assert (await pool.rows("select answers from case_record"))[0].answers == []


async def test_an_answer_in_time_that_is_heard_of_late_clears_the_breach(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.pass_to(MONDAY + hours(6))
    await pool.apply(case.sent(MONDAY + hours(3), revision=2))
    assert await pool.ledger("first-response") == ["applied", "breached", "cleared", "met"]
    assert (await pool.clock("first-response")).breached_at is None


async def test_words_of_a_resolved_case_get_the_whole_promise_anew(pool: Promises) -> None:
    # zammad 2082: a case that was reopened escalated at once.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(23), case.wrote("resolved"), case.sent(MONDAY + hours(23)))
    await pool.hear_at(MONDAY + hours(500), case.spoke(MONDAY + hours(500)))
    first, again = await pool.clocks("resolution")
    assert (first.met_at, again.due_at) == (MONDAY + hours(23), MONDAY + hours(524))
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(502)


async def test_an_answered_case_does_not_breach_any_more(pool: Promises) -> None:
    # zammad 3140: the agent had answered, and it escalated all the same.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(3.9), case.wrote(), case.sent(MONDAY + hours(3.9)))
    await pool.pass_to(MONDAY + hours(400))
    assert "sla.breached.v1" not in await pool.published("sla.")


async def test_a_closed_case_does_not_breach_any_more(pool: Promises) -> None:
    # zammad 904: a ticket that was merged into another, and closed, escalated.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.set("closed", "a double of C-7"))
    await pool.pass_to(MONDAY + hours(400))
    assert [row.cancelled_at for row in await pool.clocks()] == [MONDAY + hours(1)] * 2
    assert await pool.rows("select 1 from timer where kind = 'sla-clock'") == []


async def test_a_rule_that_changes_the_policy_keeps_the_pauses(pool: Promises) -> None:
    # glpi 6902: pause time was lost when a rule changed the SLA.
    longer = {"name": "l", "first_response": within(4), "next_response": within(2), "resolution": within(48)}
    by_tone = {
        "name": "Angry",
        "when": 'interaction.tone == "negative"',
        "then": {"queue": "planning", "sla_policy": "longer"},
    }

    def change(organisation: dict[str, Any]) -> None:
        organisation["sla_policies"]["longer"] = longer
        organisation["rules"].insert(0, by_tone)

    await pool.organise(RESPONSES, change)
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(1), case.wrote(), case.sent(MONDAY + hours(1)))
    spoke = case.spoke(MONDAY + hours(11))
    angry = spoke.model_copy(
        update={"interaction": spoke.interaction.model_copy(update={"tone": "negative"})}
    )
    await pool.hear_at(MONDAY + hours(11), angry)
    resolution = await pool.clock("resolution")
    assert (resolution.policy, resolution.due_at) == ("longer", MONDAY + hours(58))


async def test_work_that_is_handed_to_another_queue_is_promised_what_that_queue_promises(
    pool: Promises,
) -> None:
    def change(organisation: dict[str, Any]) -> None:
        organisation["sla_policies"]["slow"] = {"name": "s", "first_response": within(8)}
        organisation["queues"]["roads"]["sla_policy"] = "slow"

    await pool.organise(RESPONSES, change)
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.pass_to(MONDAY + hours(1))
    await pool.hand_on((await pool.works())["C-1"].work_item_id, "roads")
    first, resolution = await pool.clocks()
    assert (first.policy, first.due_at) == ("slow", MONDAY + hours(8))
    assert resolution.cancelled_at == MONDAY + hours(1)


async def test_whose_row_is_in_other_hands_comes_again(pool: Promises) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    async with pool.engine.begin() as tx:
        await pool.lock_all(tx)
        pool.now = MONDAY + hours(5)
        await pool.make_due("sla-clock")
        assert (await pool.rows("select kind from clock_entry where kind = 'breached'")) == []
    await pool.make_due("sla-clock")
    assert await pool.ledger("first-response") == ["applied", "breached"]


async def test_events_tell_every_line_of_the_ledger(pool: Promises) -> None:
    await pool.organise(promising(next_response=within(2), resolution=within(24), warn_at=["50%"]))
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.hear_at(MONDAY + hours(3), case.set("pending", "a call"))
    await pool.hear_at(MONDAY + hours(5), case.spoke(MONDAY + hours(5)))
    await pool.reprioritise((await pool.works())["C-1"].work_item_id, 77)
    await pool.pass_to(MONDAY + hours(7))
    await pool.apply(case.set("closed", "spam"))
    kinds = {row.kind for row in await pool.rows("select kind from clock_entry")}
    assert kinds == {Kind.APPLIED, Kind.WARNED, Kind.PAUSED, Kind.RESUMED, Kind.BREACHED, Kind.CANCELLED}
    names = {"applied": "started"}
    lines = await pool.rows("select kind, count(*) as n from clock_entry group by kind")
    events = await pool.published("sla.")
    assert {row.kind: row.n for row in lines} == {
        row.kind: events.count(f"sla.{names.get(row.kind, row.kind)}.v1") for row in lines
    }
    for row in await pool.rows("select headers, value from outbox order by id"):
        envelope, event = decode([(name, value.encode()) for name, value in _pairs(row.headers)], row.value)
        assert envelope.type == event.type


def _pairs(headers: str) -> list[tuple[str, str]]:
    found = json.loads(headers)
    return list(found.items()) if isinstance(found, dict) else [tuple(pair) for pair in found]
