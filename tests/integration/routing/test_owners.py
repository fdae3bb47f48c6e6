"""No state without an owner: a case that a person opens has work, and work whose words were deleted is withdrawn."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from antiphon.contracts.cases import StatusTrigger
from routing.work import reconciliation
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED
from tests.support.routing.case_history import MONDAY, CaseHistory, TimedPool, hours, sla_policies, within
from tests.support.routing.organisation import section


@pytest.fixture
async def pool(new_database: NewDatabase) -> TimedPool:
    made = TimedPool(await new_database("routing"))
    made.now = MONDAY
    await made.organise(sla_policies(next_response=within(2), resolution=within(30)))
    return made


async def events(pool: TimedPool, kind: str) -> list[Any]:
    rows = await pool.rows("select value from outbox where headers like :t order by id", t=f"%{kind}%")
    return [json.loads(bytes(row.value)) for row in rows]


async def newest(pool: TimedPool) -> Any:
    return (await pool.rows("select * from work_item order by queued_at desc, revision desc limit 1"))[0]


async def closed_case(pool: TimedPool) -> CaseHistory:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.apply_at(MONDAY + hours(1), case.status_changed("closed"))
    case.now = pool.now = MONDAY + hours(2)
    return case


async def test_work_whose_words_were_deleted_is_withdrawn_and_its_clocks_are_cancelled(
    pool: TimedPool,
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.present("elena")
    await pool.assign()
    assert (await newest(pool)).state == OFFERED
    await pool.apply_at(MONDAY + hours(1), case.words_deleted())
    work = await newest(pool)
    assert (work.state, work.completed_by) == ("completed", None)
    assert [(offer.result, offer.reason) for offer in await pool.rows("select * from offer")] == [
        ("withdrawn", "the customer deleted what awaited an answer")
    ]
    clocks = await pool.clocks()
    assert [(c.met_at, c.cancelled_at) for c in clocks] == [(None, MONDAY + hours(1))] * 2
    (completed,) = await events(pool, "work.completed.v1")
    assert completed["because"] == "words-deleted"
    noticed = await pool.rows(
        "select kind, audience from change_log where audience && '{agent:elena}' order by id"
    )
    assert [row.kind for row in noticed][-2:] == ["offer-ended", "work"]
    assert await pool.published("sla.") == [
        "sla.started.v1", "sla.started.v1", "sla.cancelled.v1", "sla.cancelled.v1",
    ]  # fmt: skip


async def test_a_person_who_has_the_work_keeps_it_while_other_words_remain(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened, case.interaction_added(MONDAY + hours(1)))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    before = await newest(pool)
    await pool.apply(case.words_deleted(remaining=MONDAY + hours(1)))
    assert await newest(pool) == before
    (record,) = await pool.rows("select * from case_record")
    assert (record.awaiting_since, record.awaits) == (MONDAY + hours(1), True)
    await pool.apply(case.words_deleted())
    assert ((await newest(pool)).state, await pool.published("sla.met")) == ("completed", [])
    assert all(clock.cancelled_at is not None for clock in await pool.clocks())


async def test_the_clock_of_an_answer_under_way_outlives_the_deletion_of_later_words(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    requested = case.reply_requested()
    sent = case.reply_sent(MONDAY + hours(2))
    await pool.apply_at(MONDAY + hours(1), requested, case.interaction_added(MONDAY + hours(1)))
    await pool.apply_at(MONDAY + hours(1), case.words_deleted(status="pending"))
    assert (await pool.clock("next-response")).cancelled_at is not None
    await pool.apply_at(MONDAY + hours(2), sent)
    assert (await pool.clock("first-response")).met_at == MONDAY + hours(2)


async def test_a_deletion_before_its_words_leaves_no_work_behind(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    deletion = case.words_deleted()
    await pool.apply(deletion)
    await pool.apply(case.opened)
    assert await pool.rows("select * from work_item") == []


@pytest.mark.parametrize(
    ("named", "words", "where", "why"),
    [
        (None, "My bin was not emptied", "front-desk", "first rule that holds"),
        ("rates", "My bin was not emptied", "rates", "Elena Marino opened the case and named Rates"),
        ("nowhere", None, "planning", "named the queue 'nowhere', which the active version does not have"),
        (None, None, "planning", "back to Planning, its team"),
    ],
)
async def test_a_case_that_a_person_opens_has_work_where_they_or_the_rules_say(
    pool: TimedPool, named: str | None, words: str | None, where: str, why: str
) -> None:
    bins = {"name": "Bins", "when": 'interaction.text.contains("bin")', "then": {"queue": "front-desk"}}
    case = await closed_case(pool)
    await pool.organise(section("rules", [bins]))
    await pool.apply(case.opened_by_person(named, words))
    work = await newest(pool)
    assert (work.state, work.queue, work.queued_at) == (QUEUED, where, case.now)
    assert why in (await pool.decision("C-1")).reason
    assert (await pool.rows("select awaits from case_record"))[0].awaits


@pytest.mark.parametrize("ends", ["pending", "closed", "answer"])
async def test_an_answer_or_another_status_ends_the_work_of_a_case_that_a_person_opened(
    pool: TimedPool, ends: str
) -> None:
    case = await closed_case(pool)
    opened = case.opened_by_person("rates")
    await pool.apply(opened)
    case.case = case.case.model_copy(update={"opened_by_person_at": None, "opened_in_queue": None})
    await pool.apply(case.reply_requested() if ends == "answer" else case.status_changed(ends))
    before = await newest(pool)
    assert before.state == "completed"
    await pool.apply(opened)
    assert await newest(pool) == before


@pytest.mark.parametrize("again", ["set open", "answered and left open"])
async def test_a_case_whose_work_was_dismissed_has_work_again_once_a_person_asks_for_it(
    pool: TimedPool, again: str
) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.present("elena")
    dismissed = (await newest(pool)).work_item_id
    assert await pool.assign_to("elena", dismissed) == 200
    await pool.complete("elena", dismissed)
    await pool.apply(case.status_changed("open", "an agent took the work", StatusTrigger.WORK_ACCEPTED))
    assert (await newest(pool)).state == "completed"
    trigger = StatusTrigger.SET_BY_PERSON if again == "set open" else StatusTrigger.REPLY_REQUESTED
    queue = "rates" if again == "set open" else None
    asked = case.status_changed("open", "by hand", trigger, opened_by_person_at=MONDAY, opened_in_queue=queue)
    facts = asked.case.model_copy(update={"asked_revision": asked.case.revision})
    await pool.apply(asked.model_copy(update={"case": facts}))
    work = await newest(pool)
    assert (work.state, work.queue, work.work_item_id != dismissed) == (QUEUED, queue or "planning", True)


async def test_an_automatic_message_leaves_the_work_of_a_case_that_a_person_opened(pool: TimedPool) -> None:
    case = await closed_case(pool)
    await pool.apply(case.opened_by_person("rates"))
    before = await newest(pool)
    added = case.interaction_added(pool.now)
    facts = case.case.model_copy(update={"awaiting_answer_since": None, "asked_revision": 3})
    machine = added.interaction.model_copy(update={"automation": "auto-reply"})
    await pool.apply(added.model_copy(update={"case": facts, "interaction": machine}))
    assert await newest(pool) == before


async def test_the_reconciliation_gives_a_case_that_a_person_opened_its_work_again(pool: TimedPool) -> None:
    case = await closed_case(pool)
    await pool.apply(case.opened_by_person("rates"))
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from work_item where state = 'queued'"))
        await reconciliation.run_part(tx, pool.configurations, pool.now)
    (found,) = await pool.rows("select kind, repair from finding")
    assert (found.kind, (await newest(pool)).state) == ("no-work", QUEUED)


async def test_the_reconciliation_frees_work_that_waits_for_an_agent_who_is_gone(pool: TimedPool) -> None:
    await pool.apply(CaseHistory(1, MONDAY).opened)
    item = (await newest(pool)).work_item_id
    assert await pool.offer_to("elena", item, wait=True) == 200
    async with pool.engine.begin() as tx:
        gone = """update work_item set handover = jsonb_set(handover, '{agent_id}', '"nobody"')"""
        await tx.execute(text(gone))
        await reconciliation.run_part(tx, pool.configurations, pool.now)
    (found,) = await pool.rows("select kind, repair from finding")
    assert (found.kind, found.repair) == ("hand-over-gone", "for anybody")
    work = await newest(pool)
    assert (work.state, work.hold_until, work.handover) == (QUEUED, None, None)


async def test_completed_work_stays_completed_when_the_echo_of_its_acceptance_comes(pool: TimedPool) -> None:
    case = CaseHistory(1, MONDAY)
    await pool.apply(case.opened)
    await pool.present("elena")
    item = (await newest(pool)).work_item_id
    assert await pool.assign_to("elena", item) == 200
    await pool.complete("elena", item)
    echo = case.status_changed("open", "an agent took the work", StatusTrigger.WORK_ACCEPTED)
    for _ in range(2):
        await pool.apply(echo)
    assert (await newest(pool)).state == "completed"
    assert (await newest(pool)).agent_id == "elena"
    assert ACCEPTED not in {row.state for row in await pool.rows("select state from work_item")}
