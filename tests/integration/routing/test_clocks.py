"""SLA clocks: targets, pauses, changed targets, and answers whose events arrive in any order."""

import asyncio
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from antiphon.contracts.envelope import decode
from routing.domain.time.sla_clock import Kind
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

RESPONSES = sla_policies(next_response=within(2), resolution=within(24))


@pytest.fixture
async def pool(new_database: NewDatabase) -> TimedPool:
    made = TimedPool(await new_database("routing"))
    made.now = MONDAY
    await made.organise(RESPONSES)
    return made


async def test_16_a_due_time_skips_lunch_weekend_and_holiday_across_a_clock_change(pool: TimedPool) -> None:
    office = {
        day: ["09:00-12:00", "13:00-18:00"]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    }
    holidays = {"extra": [{"date": "2035-03-26", "name": "The council's day"}]}
    berlin = {"name": "Berlin", "time_zone": "Europe/Berlin", "hours": office, "holidays": holidays}
    await pool.organise(
        section("calendars", {"always": ALWAYS, "office": berlin}),
        sla_policies(first_response=within(4, "office")),
    )
    zone = ZoneInfo("Europe/Berlin")
    case = CaseHistory(1, datetime(2035, 3, 23, 17, 30, tzinfo=zone))
    await pool.apply_at(case.now, case.opened)
    due = datetime(2035, 3, 27, 13, 30, tzinfo=zone)
    assert (await pool.clock("first-response")).due_at == due
    assert (await pool.works())["C-1"].due_at == due


async def test_each_of_the_three_targets_starts_and_ends_by_its_own_events(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.reply_requested())
    await pool.apply_at(MONDAY + hours(1.1), case.reply_sent(MONDAY + hours(1.1)))
    await pool.apply_at(MONDAY + hours(30), case.interaction_added(MONDAY + hours(30)))
    await pool.apply_at(
        MONDAY + hours(31), case.reply_requested("resolved"), case.reply_sent(MONDAY + hours(31))
    )
    first, resolution, next_response = await pool.clocks()
    assert (first.target, first.met_at, first.breached_at) == ("first-response", MONDAY + hours(1.1), None)
    assert (next_response.target, next_response.started_at) == ("next-response", MONDAY + hours(30))
    assert (next_response.due_at, next_response.met_at) == (MONDAY + hours(32), MONDAY + hours(31))
    # 1 hour until the answer, 29 that the customer is awaited, 1 more until the case is resolved.
    assert (resolution.due_at, resolution.met_at, resolution.breached_at) == (
        MONDAY + hours(53),
        MONDAY + hours(31),
        None,
    )
    assert await pool.ledger("resolution") == ["applied", "paused", "resumed", "met"]


async def test_17_three_days_of_awaiting_the_customer_before_resolving_are_not_counted(
    pool: TimedPool,
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(3), case.reply_requested(), case.reply_sent(MONDAY + hours(3)))
    await pool.apply_at(MONDAY + hours(75), case.status_changed("resolved"))
    resolution = await pool.clock("resolution")
    assert (resolution.breached_at, resolution.met_at) == (None, MONDAY + hours(75))
    assert "sla.breached.v1" not in await pool.published("sla.")


async def test_18_a_priority_raised_and_lowered_keeps_the_ledger_and_breaches_once(pool: TimedPool) -> None:
    urgent = [{"priority": 80, "first_response": within(2)}]
    await pool.organise(sla_policies(first_response=within(10), targets=urgent, warn_at=["75%", "90%"]))
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    work = (await pool.works())["C-1"]
    await pool.advance_to(MONDAY + hours(8))
    await pool.reprioritise(work.work_item_id, 90)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(2)
    await pool.advance_to(MONDAY + hours(8.1))
    await pool.reprioritise(work.work_item_id, work.priority)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(10)
    await pool.advance_to(MONDAY + hours(20))
    assert await pool.ledger("first-response") == [
        "applied",
        "warned",
        "recomputed",
        "breached",
        "recomputed",
        "warned",
    ]
    recomputed = await pool.rows(
        "select due_before, due_after, cause from clock_entry where kind = 'recomputed' order by place"
    )
    assert [(row.due_before, row.due_after) for row in recomputed] == [
        (MONDAY + hours(10), MONDAY + hours(2)), (MONDAY + hours(2), MONDAY + hours(10)),
    ]  # fmt: skip
    assert recomputed[0].cause == "priority 90 by Sam Okafor"
    percents = await pool.rows("select percent from clock_entry where kind = 'warned' order by place")
    assert [row.percent for row in percents] == [75, 90]
    assert (await pool.published("sla.")).count("sla.breached.v1") == 1


@pytest.mark.parametrize(
    ("kind", "met"),
    [("agent", True), ("supervisor", True), ("system", False), ("integration", False), ("customer", False)],
)
async def test_19_only_a_persons_public_answer_meets_a_response_target(
    pool: TimedPool, kind: str, met: bool
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.reply_requested(), case.reply_sent(MONDAY + hours(1), kind))
    assert ((await pool.clock("first-response")).met_at is not None) == met
    await pool.advance_to(MONDAY + hours(5))
    assert ((await pool.clock("first-response")).breached_at is None) == met


async def test_19_an_internal_note_meets_no_target(pool: TimedPool) -> None:
    # case-mgmt publishes a note as the next revision of the case, without a reply.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.status_changed("open", "a note"))
    await pool.advance_to(MONDAY + hours(5))
    assert await pool.ledger("first-response") == ["applied", "breached"]


async def test_a_pause_at_the_instant_of_the_due_time_is_no_breach(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    pool.now = MONDAY + hours(4)
    pending = case.status_changed("pending", "a call: the customer looks for the papers")
    await asyncio.gather(pool.apply(pending), pool.advance_to(pool.now))
    await pool.advance_to(MONDAY + hours(9))
    assert (await pool.clock("first-response")).breached_at is None
    await pool.apply_at(MONDAY + hours(10), case.status_changed("open"))
    await pool.advance_to(MONDAY + hours(10))
    assert (await pool.clock("first-response")).breached_at == MONDAY + hours(10)


async def test_an_answer_that_could_not_be_sent_stops_no_clock(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.reply_requested())
    await pool.apply_at(MONDAY + hours(3), case.reply_failed(MONDAY))
    first, resolution = await pool.clocks()
    assert (first.due_at, resolution.due_at) == (MONDAY + hours(4), MONDAY + hours(24))
    assert (first.paused_since, resolution.paused_since) == (None, None)
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(4)


async def test_an_answer_written_before_a_newer_message_does_not_answer_that_message(
    pool: TimedPool,
) -> None:
    case = CaseHistory(1, MONDAY)
    reply_requested = case.reply_requested()
    reply_sent = case.reply_sent(MONDAY + hours(2))
    newer_message = case.interaction_added(MONDAY + hours(1.5))
    await pool.apply(case.opened, reply_requested)
    await pool.apply_at(MONDAY + hours(1.5), newer_message)
    await pool.apply_at(MONDAY + hours(2), reply_sent)
    assert (await pool.clock("first-response")).met_at == MONDAY + hours(2)
    assert (await pool.clock("next-response")).met_at is None
    await pool.apply_at(MONDAY + hours(3), case.reply_requested(), case.reply_sent(MONDAY + hours(3)))
    assert (await pool.clock("next-response")).met_at == MONDAY + hours(3)


async def test_answers_that_arrive_before_their_case_meet_the_targets_they_answer(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    first_reply, first_sent = case.reply_requested(), case.reply_sent(MONDAY + hours(1))
    second_message = case.interaction_added(MONDAY + hours(2))
    second_reply, second_sent = case.reply_requested(), case.reply_sent(MONDAY + hours(3))
    await pool.apply_at(MONDAY + hours(3), second_sent, first_sent)
    await pool.apply(case.opened, first_reply, second_message, second_reply)
    assert (await pool.clock("first-response")).met_at == MONDAY + hours(1)
    assert (await pool.clock("next-response")).met_at == MONDAY + hours(3)
    assert (await pool.rows("select answers from case_record"))[0].answers == []


async def test_an_answer_in_time_whose_event_arrives_late_clears_the_breach(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.advance_to(MONDAY + hours(6))
    await pool.apply(case.reply_sent(MONDAY + hours(3), revision=2))
    assert await pool.ledger("first-response") == ["applied", "breached", "cleared", "met"]
    assert (await pool.clock("first-response")).breached_at is None


async def test_a_message_on_a_resolved_case_starts_the_targets_anew(pool: TimedPool) -> None:
    # Zammad issue 2082: a case that was reopened escalated at once.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(
        MONDAY + hours(23), case.reply_requested("resolved"), case.reply_sent(MONDAY + hours(23))
    )
    await pool.apply_at(MONDAY + hours(500), case.interaction_added(MONDAY + hours(500)))
    first, second = await pool.clocks("resolution")
    assert (first.met_at, second.due_at) == (MONDAY + hours(23), MONDAY + hours(524))
    assert (await pool.works())["C-1"].due_at == MONDAY + hours(502)


async def test_an_answered_case_does_not_breach_any_more(pool: TimedPool) -> None:
    # Zammad issue 3140: a case escalated although the agent had answered.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(3.9), case.reply_requested(), case.reply_sent(MONDAY + hours(3.9)))
    await pool.advance_to(MONDAY + hours(400))
    assert "sla.breached.v1" not in await pool.published("sla.")


async def test_a_closed_case_does_not_breach_any_more(pool: TimedPool) -> None:
    # Zammad issue 904: a closed ticket, merged into another, escalated.
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.status_changed("closed", "a double of C-7"))
    await pool.advance_to(MONDAY + hours(400))
    assert [row.cancelled_at for row in await pool.clocks()] == [MONDAY + hours(1)] * 2
    assert await pool.rows("select 1 from timer where kind = 'sla-clock'") == []


async def test_a_rule_that_changes_the_policy_keeps_the_pauses(pool: TimedPool) -> None:
    # GLPI issue 6902: the time of pauses was lost when a rule changed the SLA.
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
    await pool.apply_at(MONDAY + hours(1), case.reply_requested(), case.reply_sent(MONDAY + hours(1)))
    message = case.interaction_added(MONDAY + hours(11))
    angry = message.model_copy(
        update={"interaction": message.interaction.model_copy(update={"tone": "negative"})}
    )
    await pool.apply_at(MONDAY + hours(11), angry)
    resolution = await pool.clock("resolution")
    assert (resolution.policy, resolution.due_at) == ("longer", MONDAY + hours(58))


async def test_work_transferred_to_another_queue_gets_the_targets_of_that_queue(
    pool: TimedPool,
) -> None:
    def change(organisation: dict[str, Any]) -> None:
        organisation["sla_policies"]["slow"] = {"name": "s", "first_response": within(8)}
        organisation["queues"]["roads"]["sla_policy"] = "slow"

    await pool.organise(RESPONSES, change)
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.advance_to(MONDAY + hours(1))
    await pool.transfer((await pool.works())["C-1"].work_item_id, "roads")
    first, resolution = await pool.clocks()
    assert (first.policy, first.due_at) == ("slow", MONDAY + hours(8))
    assert resolution.cancelled_at == MONDAY + hours(1)


async def test_a_clock_whose_work_another_transaction_locks_fires_later(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    async with pool.engine.begin() as tx:
        await pool.lock_all(tx)
        pool.now = MONDAY + hours(5)
        await pool.make_due("sla-clock")
        assert (await pool.rows("select kind from clock_entry where kind = 'breached'")) == []
    await pool.make_due("sla-clock")
    assert await pool.ledger("first-response") == ["applied", "breached"]


async def test_each_ledger_entry_is_published_as_an_event(pool: TimedPool) -> None:
    await pool.organise(sla_policies(next_response=within(2), resolution=within(24), warn_at=["50%"]))
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(3), case.status_changed("pending", "a call"))
    await pool.apply_at(MONDAY + hours(5), case.interaction_added(MONDAY + hours(5)))
    await pool.reprioritise((await pool.works())["C-1"].work_item_id, 77)
    await pool.advance_to(MONDAY + hours(7))
    await pool.apply(case.status_changed("closed", "spam"))
    kinds = {row.kind for row in await pool.rows("select kind from clock_entry")}
    assert kinds == {Kind.APPLIED, Kind.WARNED, Kind.PAUSED, Kind.RESUMED, Kind.BREACHED, Kind.CANCELLED}
    names = {"applied": "started"}
    entries = await pool.rows("select kind, count(*) as n from clock_entry group by kind")
    events = await pool.published("sla.")
    assert {row.kind: row.n for row in entries} == {
        row.kind: events.count(f"sla.{names.get(row.kind, row.kind)}.v1") for row in entries
    }
    for row in await pool.rows("select headers, value from outbox order by id"):
        envelope, event = decode([(name, value.encode()) for name, value in _pairs(row.headers)], row.value)
        assert envelope.type == event.type


def _pairs(headers: str) -> list[tuple[str, str]]:
    pairs = json.loads(headers)
    return list(pairs.items()) if isinstance(pairs, dict) else [tuple(pair) for pair in pairs]
