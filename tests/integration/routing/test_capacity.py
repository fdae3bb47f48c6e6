"""Capacity profiles limit how much work of a kind an agent holds at once or completes in a day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.cases import CaseOpened
from routing import store
from routing.work import handling, review
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import SUPERVISOR, AgentPool
from tests.support.routing.harness import opened, status_changed
from tests.support.routing.organisation import Change, agent, queue, section

SYDNEY = ZoneInfo("Australia/Sydney")
HIGH, LOW = 80, 40


def plain(organisation: dict[str, Any]) -> None:
    """All work goes to planning and needs no skill; the subject decides its priority."""
    organisation["rules"] = [
        {
            "name": "Urgent", "when": 'interaction.subject == "urgent"',
            "then": {"queue": "planning", "priority": HIGH},
        },
        {"name": "Rest", "when": "true", "then": {"queue": "planning", "priority": LOW}},
    ]  # fmt: skip


def profiles(*content: dict[str, Any]) -> Change:
    return section("capacity_profiles", list(content))


def total(most: int, **settings: Any) -> dict[str, Any]:
    return {"id": "total", "name": "All work", "most": most, **settings}


def high(most: int, **settings: Any) -> dict[str, Any]:
    return {"id": "high", "name": "Urgent work", "priority_from": HIGH, "most": most, **settings}


def case(pool: AgentPool, number: int, channel: str = "email", *, urgent: bool = False) -> CaseOpened:
    event = opened(number, pool.now, waited=60 - number)
    changes = {"channel": channel, "subject": "urgent" if urgent else "a question"}
    return event.model_copy(update={"interaction": event.interaction.model_copy(update=changes)})


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    # In the past, so that timers are due by the clock of the database.
    made.now = datetime(2026, 11, 24, 9, tzinfo=SYDNEY)
    await made.organise(plain)
    await made.present("elena")
    return made


async def held(pool: AgentPool, who: str = "elena") -> list[str]:
    """The cases whose work the agent is offered or has."""
    rows = await pool.rows(
        "select case_reference from work_item where agent_id = :a and state in ('offered', 'accepted') order by 1",
        a=who,
    )
    return [row.case_reference for row in rows]


async def item(pool: AgentPool, number: int) -> UUID:
    work_item_id: UUID = (await pool.works())[f"C-{number}"].work_item_id
    return work_item_id


async def test_09_an_agent_with_three_of_three_mails_is_offered_a_chat_and_no_fourth_mail(
    pool: AgentPool,
) -> None:
    written_work = {"id": "written", "name": "Written work", "channels": ["email", "letter"], "most": 3}
    units = section("channel_units", {"phone": "all", "email": 0})
    await pool.organise(plain, agent("elena", capacity=2), units, profiles(written_work))
    await pool.apply(*(case(pool, n) for n in range(1, 5)))
    assert await pool.assign() == 3
    await pool.accept_all()
    assert await held(pool) == ["C-1", "C-2", "C-3"]
    assert (await pool.why("C-4"))["waiting_because"] == (
        'nobody can take it now: has no free capacity in "Written work": 3 of 3; offline'
    )
    assert (await pool.why("C-4"))["waiting_for"] == "capacity"
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1][1] == 'You have no free capacity in "Written work": 3 of 3.'
    await pool.apply(case(pool, 5, "chat"), case(pool, 6, "web"), case(pool, 7, "web"))
    assert await pool.assign() == 2  # she has 2 units
    assert await held(pool) == ["C-1", "C-2", "C-3", "C-5", "C-6"]
    await pool.accept_all()
    await pool.complete("elena", await item(pool, 2))
    assert await pool.assign() == 1  # a mail takes no units
    assert await held(pool) == ["C-1", "C-3", "C-4", "C-5", "C-6"]


async def test_09_a_whole_agent_call_goes_to_agents_with_mails_only_and_mails_are_spread(
    pool: AgentPool,
) -> None:
    units = section("channel_units", {"phone": "all", "email": 0})
    await pool.organise(plain, units, profiles(total(9)))
    await pool.present("farid")
    await pool.apply(*(case(pool, n) for n in range(1, 7)))
    assert await pool.assign() == 6
    assert len(await held(pool, "farid")) == len(await held(pool)) == 3
    await pool.apply(case(pool, 7, "phone"), case(pool, 8, "phone"), case(pool, 9, "phone"))
    assert await pool.assign() == 2
    assert len(await held(pool, "farid")) == len(await held(pool)) == 4


async def test_09_an_agent_who_wraps_up_or_is_away_is_offered_no_zero_unit_mail(pool: AgentPool) -> None:
    units = section("channel_units", {"email": 0})
    await pool.organise(plain, queue("planning", wrap_up="30s"), units, profiles(total(9)))
    await pool.apply(case(pool, 1))
    await pool.assign()
    await pool.accept_all()
    await pool.complete("elena", await item(pool, 1))
    await pool.apply(case(pool, 2))
    assert await pool.assign() == 0
    await pool.present("elena", Presence.AWAY)
    assert await pool.assign() == 0
    await pool.present("elena")
    assert await pool.assign() == 1


async def test_10_an_agent_at_a_limit_is_offered_no_more_and_their_own_limit_overrides_it(
    pool: AgentPool,
) -> None:
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2), total(5)))
    await pool.apply(*(case(pool, n, urgent=n < 4) for n in range(1, 9)))
    assert await pool.assign() == 5
    assert await held(pool) == ["C-1", "C-2", "C-4", "C-5", "C-6"]
    await pool.accept_all()
    assert (await pool.why("C-3"))["waiting_because"] == (
        'nobody can take it now: has no free capacity in "Urgent work": 2 of 2, "All work": 5 of 5; offline'
    )
    await pool.organise(
        plain, agent("elena", capacity=9, profiles={"total": 7, "high": 3}), profiles(high(2), total(5))
    )
    assert await pool.assign() == 2
    assert await held(pool) == ["C-1", "C-2", "C-3", "C-4", "C-5", "C-6", "C-7"]


async def _reassign(pool: AgentPool, number: int) -> None:
    await pool.present("farid")
    assert await pool.assign_to("farid", await item(pool, number)) == 200
    await pool.present("farid", Presence.AWAY)


async def _take_back(pool: AgentPool, number: int) -> None:
    assert await pool.take_back(await item(pool, number)) == 200


async def _transfer(pool: AgentPool, number: int) -> None:
    await pool.transfer(await item(pool, number), "rates")


async def _decline(pool: AgentPool, number: int) -> None:
    """It is offered to Elena again, and she declines."""
    await pool.take_back(await item(pool, number))
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        elena = active.configuration.agents_by_id["elena"]
        work = await item(pool, number)
        await handling.transfer(
            tx, work, SUPERVISOR, active, queue=None, agent=elena, note=None, anyones=True, now=pool.now
        )
    ((offer,),) = (await pool.pending()).values()
    await pool.decline(offer, "elena")


async def _cancel(pool: AgentPool, number: int) -> None:
    """A supervisor closes the case."""
    closed = status_changed(case(pool, number, urgent=True), "closed", "a duplicate")
    await pool.apply(closed.model_copy(update={"by": SUPERVISOR}))


async def _delete(pool: AgentPool, number: int) -> None:
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from offer where work_item_id = :i"), {"i": await item(pool, number)})
        await tx.execute(
            text("delete from work_item where work_item_id = :i"), {"i": await item(pool, number)}
        )


async def _resolve(pool: AgentPool, number: int) -> None:
    """Elena answers, and the case is resolved."""
    await pool.apply(status_changed(case(pool, number, urgent=True), "resolved"))


async def _complete(pool: AgentPool, number: int) -> None:
    await pool.complete("elena", await item(pool, number))


NOT_COMPLETED = (_reassign, _take_back, _transfer, _decline, _cancel, _delete)
COMPLETED = (_resolve, _complete)


@pytest.mark.parametrize("end", [*NOT_COMPLETED, *COMPLETED], ids=lambda end: end.__name__.strip("_"))
async def test_10_capacity_returns_however_the_work_ends(pool: AgentPool, end: Any) -> None:
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2), total(5)))
    await _elena_has_two_urgent_items_and_a_third_waits(pool)
    await end(pool, 1)
    assert await _is_offered_the_third(pool)


@pytest.mark.parametrize("end", [*NOT_COMPLETED, *COMPLETED], ids=lambda end: end.__name__.strip("_"))
async def test_10_only_completed_work_counts_until_the_day_ends_in_its_time_zone(
    pool: AgentPool, end: Any
) -> None:
    day = {"until": "day-end", "time_zone": "Australia/Sydney"}
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2, **day), total(5, **day)))
    await _elena_has_two_urgent_items_and_a_third_waits(pool)
    await end(pool, 1)
    assert await _is_offered_the_third(pool) == (end in NOT_COMPLETED)
    if end in COMPLETED:
        pool.now = datetime(2026, 11, 24, 23, 59, 59, tzinfo=SYDNEY)
        assert not await _is_offered_the_third(pool)
        pool.now = datetime(2026, 11, 25, tzinfo=SYDNEY)
        assert await _is_offered_the_third(pool)


async def _elena_has_two_urgent_items_and_a_third_waits(pool: AgentPool) -> None:
    await pool.apply(*(case(pool, n, urgent=True) for n in (1, 2)))
    assert await pool.assign() == 2
    await pool.accept_all()
    await pool.present("farid", Presence.AWAY)
    await pool.apply(case(pool, 3, urgent=True))
    assert await pool.assign() == 0


async def _is_offered_the_third(pool: AgentPool) -> bool:
    await pool.assign()
    return "C-3" in await held(pool)


async def test_10_a_supervisor_may_assign_beyond_a_limit_and_pick_and_next_may_not(pool: AgentPool) -> None:
    await pool.organise(
        plain, queue("planning", may_pick=True), agent("elena", capacity=9), profiles(high(2))
    )
    await pool.apply(*(case(pool, n, urgent=True) for n in range(1, 5)))
    assert [await pool.take_next("elena") for _ in range(2)] == [await item(pool, 1), await item(pool, 2)]
    refusal = (409, 'You have no free capacity in "Urgent work": 2 of 2.')
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1] == refusal
    assert await pool.pick("elena", await item(pool, 3)) == 409
    assert pool.refused[-1] == refusal
    assert await pool.assign_to("elena", await item(pool, 3)) == 200
    await pool.complete("elena", await item(pool, 1))
    assert await pool.assign() == 0
    await pool.apply(case(pool, 9))
    assert await pool.take_next("elena") == await item(pool, 9)


async def test_10_a_changed_priority_changes_the_limits_that_the_work_counts_towards(
    pool: AgentPool,
) -> None:
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2)))
    await _elena_has_two_urgent_items_and_a_third_waits(pool)
    await pool.reprioritise(await item(pool, 1), LOW)
    assert await _is_offered_the_third(pool)
    await pool.apply(case(pool, 4))
    await pool.reprioritise(await item(pool, 4), 99)
    assert await pool.assign() == 0
    await pool.reprioritise(await item(pool, 4), LOW)
    assert await pool.assign() == 1


async def test_10_profiles_of_a_new_configuration_apply_to_waiting_and_accepted_work(
    pool: AgentPool,
) -> None:
    await pool.organise(plain, agent("elena", capacity=9))
    await pool.apply(case(pool, 1), case(pool, 2, urgent=True))
    assert await pool.assign() == 2
    await pool.accept_all()
    await pool.apply(case(pool, 3, urgent=True), case(pool, 4))
    assert {row.case_reference: row.profiles for row in (await pool.works()).values()} == {
        f"C-{n}": [] for n in range(1, 5)
    }
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(1), total(3)))
    assert {key: row.profiles for key, row in (await pool.works()).items()} == {
        "C-1": ["total"], "C-2": ["high", "total"], "C-3": ["high", "total"], "C-4": ["total"],
    }  # fmt: skip
    assert await pool.assign() == 1
    assert await held(pool) == ["C-1", "C-2", "C-4"]
    await pool.organise(plain, agent("elena", capacity=9))
    assert await pool.assign() == 1


async def test_the_completed_work_of_a_day_and_the_open_work_of_a_review_use_indexes(
    pool: AgentPool,
) -> None:
    available = (
        str(store.agents.AVAILABLE.text)
        .replace(":ids", "'{elena}'::text[]")
        .replace(":routable", "'{available}'::text[]")
    )
    days = """'[{"profile": "high", "since": "2026-11-24T00:00:00Z"}]'"""
    async with pool.engine.begin() as tx:
        await tx.execute(text("set local enable_seqscan = off"))
        plans = [
            "\n".join(str(row[0]) for row in await tx.execute(text(f"explain {query}")))
            for query in (available.replace(":days", days), str(review.KINDS.text))
        ]
    assert "work_item_done_ix" in plans[0]
    assert "work_item_held_ix" in plans[0]
    assert "work_item_one_open_per_case_key" in plans[1]


async def test_11_work_waits_for_a_last_agent_at_a_limit_then_goes_to_any_agent(
    pool: AgentPool,
) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await pool.organise(plain, policy, profiles(total(1)))
    await _answered_by_elena(pool)
    await pool.apply(case(pool, 2))
    assert await pool.assign() == 1  # she is at the limit
    await _customer_writes_again(pool)
    assert await pool.assign() == 0
    until = pool.now + timedelta(minutes=10)
    assert (await pool.why("C-1"))["waiting_because"] == (
        f'held until {until.astimezone(UTC):%H:%M:%S}: Elena Marino answered this customer last and is busy (has no free capacity in "All work": 1 of 1); '
        "then for anybody"
    )
    pool.now = until
    assert await pool.assign() == 1
    assert await held(pool, "farid") == ["C-1"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("offline", ()),
        ("without the skill", (agent("elena", skills={}),)),
        ("of another queue", (agent("elena", queues=["rates"]),)),
    ],
)
async def test_11_work_does_not_wait_for_a_last_agent_who_is_offline_or_unqualified(
    pool: AgentPool, name: str, changes: tuple[Change, ...]
) -> None:
    def require_skill(organisation: dict[str, Any]) -> None:
        organisation["rules"][-1]["then"]["skills"] = {"planning": 5}

    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await pool.organise(plain, require_skill, policy)
    await _answered_by_elena(pool)
    if name == "offline":
        await pool.present("elena", Presence.OFFLINE)
    await pool.organise(plain, require_skill, policy, *changes)
    await _customer_writes_again(pool)
    assert await pool.assign() == 1
    assert await held(pool, "farid") == ["C-1"]


async def test_11_an_agent_who_answered_too_long_ago_is_neither_preferred_nor_awaited(
    pool: AgentPool,
) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"for": "3d", "wait_at_most": "10m"}})
    await pool.organise(plain, policy)
    await _answered_by_elena(pool)
    pool.now += timedelta(days=3, seconds=1)
    await _customer_writes_again(pool)
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].preferred is None


async def _answered_by_elena(pool: AgentPool) -> None:
    await pool.apply(case(pool, 1))
    assert await pool.assign() == 1
    await pool.accept_all()
    await pool.apply(status_changed(case(pool, 1)))


async def _customer_writes_again(pool: AgentPool) -> None:
    """The customer writes again, and Farid is available too."""
    await pool.present("farid")
    opened_case = case(pool, 1)
    reopened = opened_case.case.model_copy(update={"revision": 9, "awaiting_answer_since": pool.now})
    await pool.apply(opened_case.model_copy(update={"case": reopened}))
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from work_item where case_reference = 'C-1' and state = 'completed'"))
