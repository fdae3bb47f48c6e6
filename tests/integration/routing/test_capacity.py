"""Capacity profiles: how much of which work an agent has at once and in a day, counted from the work itself."""

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
from tests.support.routing.configured import BOSS, AgentPool, Changed, agent, queue, section
from tests.support.routing.harness import opened, settled

SYDNEY = ZoneInfo("Australia/Sydney")
HIGH, LOW = 80, 40


def plain(organisation: dict[str, Any]) -> None:
    """Work of planning needs no skill; it comes with the priority that its subject says, and Elena is alone."""
    organisation["rules"] = [
        {
            "name": "Urgent", "when": 'interaction.subject == "urgent"',
            "then": {"queue": "planning", "priority": HIGH},
        },
        {"name": "Rest", "when": "true", "then": {"queue": "planning", "priority": LOW}},
    ]  # fmt: skip


def profiles(*given: dict[str, Any]) -> Changed:
    return section("capacity_profiles", list(given))


def total(most: int, **given: Any) -> dict[str, Any]:
    return {"id": "total", "name": "All work", "most": most, **given}


def high(most: int, **given: Any) -> dict[str, Any]:
    return {"id": "high", "name": "Urgent work", "priority_from": HIGH, "most": most, **given}


def case(pool: AgentPool, number: int, channel: str = "email", *, urgent: bool = False) -> CaseOpened:
    event = opened(number, pool.now, waited=60 - number)
    said = {"channel": channel, "subject": "urgent" if urgent else "a question"}
    return event.model_copy(update={"interaction": event.interaction.model_copy(update=said)})


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    # Past: what is to fire by the database's clock does.
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
    found: UUID = (await pool.works())[f"C-{number}"].work_item_id
    return found


async def test_09_who_holds_as_many_mails_as_they_may_is_offered_a_chat_and_no_fourth_mail(
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
    assert await pool.assign() == 2  # the units of her capacity
    assert await held(pool) == ["C-1", "C-2", "C-3", "C-5", "C-6"]
    await pool.accept_all()
    await pool.complete("elena", await item(pool, 2))
    assert await pool.assign() == 1  # though she has no units left
    assert await held(pool) == ["C-1", "C-3", "C-4", "C-5", "C-6"]


async def test_09_a_call_that_takes_a_whole_agent_finds_who_holds_mails_only_and_mails_are_spread(
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


async def test_09_who_wraps_up_or_is_away_is_offered_no_mail_either(pool: AgentPool) -> None:
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


async def test_10_the_third_urgent_item_is_not_offered_and_a_limit_of_ones_own_goes_before_the_profiles(
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
    assert await pool.give("farid", await item(pool, number)) == 200


async def _take_back(pool: AgentPool, number: int) -> None:
    assert await pool.take_back(await item(pool, number)) == 200


async def _transfer(pool: AgentPool, number: int) -> None:
    await pool.move(await item(pool, number), "rates")


async def _decline(pool: AgentPool, number: int) -> None:
    """It is offered to her once more, and she declines."""
    await pool.take_back(await item(pool, number))
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        elena = active.configuration.agents_by_id["elena"]
        work = await item(pool, number)
        await handling.transfer(
            tx, work, BOSS, active, queue=None, agent=elena, note=None, anyones=True, now=pool.now
        )
    ((offer,),) = (await pool.pending()).values()
    await pool.decline(offer, "elena")


async def _cancel(pool: AgentPool, number: int) -> None:
    """Somebody else closes the case."""
    closed = settled(case(pool, number, urgent=True), "closed", "a duplicate")
    await pool.apply(closed.model_copy(update={"by": BOSS}))


async def _delete(pool: AgentPool, number: int) -> None:
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from offer where work_item_id = :i"), {"i": await item(pool, number)})
        await tx.execute(
            text("delete from work_item where work_item_id = :i"), {"i": await item(pool, number)}
        )


async def _resolve(pool: AgentPool, number: int) -> None:
    """She answers, and the case is resolved."""
    await pool.apply(settled(case(pool, number, urgent=True), "resolved"))


async def _complete(pool: AgentPool, number: int) -> None:
    await pool.complete("elena", await item(pool, number))


NOT_HERS = (_reassign, _take_back, _transfer, _decline, _cancel, _delete)
HERS = (_resolve, _complete)


@pytest.mark.parametrize("end", [*NOT_HERS, *HERS], ids=lambda end: end.__name__.strip("_"))
async def test_10_room_returns_whatever_became_of_the_work(pool: AgentPool, end: Any) -> None:
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2), total(5)))
    await _two_urgent_and_a_third_that_waits(pool)
    await end(pool, 1)
    assert await _is_offered_the_third(pool)


@pytest.mark.parametrize("end", [*NOT_HERS, *HERS], ids=lambda end: end.__name__.strip("_"))
async def test_10_what_she_completed_counts_until_the_day_ends_in_its_zone_and_what_she_did_not_does_not(
    pool: AgentPool, end: Any
) -> None:
    day = {"until": "day-end", "time_zone": "Australia/Sydney"}
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2, **day), total(5, **day)))
    await _two_urgent_and_a_third_that_waits(pool)
    await end(pool, 1)
    assert await _is_offered_the_third(pool) == (end in NOT_HERS)
    if end in HERS:
        pool.now = datetime(2026, 11, 24, 23, 59, 59, tzinfo=SYDNEY)
        assert not await _is_offered_the_third(pool)
        pool.now = datetime(2026, 11, 25, tzinfo=SYDNEY)
        assert await _is_offered_the_third(pool)


async def _two_urgent_and_a_third_that_waits(pool: AgentPool) -> None:
    await pool.apply(*(case(pool, n, urgent=True) for n in (1, 2)))
    assert await pool.assign() == 2
    await pool.accept_all()
    await pool.present("farid", Presence.AWAY)  # a supervisor can give him work, the assignment not
    await pool.apply(case(pool, 3, urgent=True))
    assert await pool.assign() == 0


async def _is_offered_the_third(pool: AgentPool) -> bool:
    await pool.assign()
    return "C-3" in await held(pool)


async def test_10_a_supervisor_may_give_more_and_pick_and_next_may_not_take_more(pool: AgentPool) -> None:
    await pool.organise(
        plain, queue("planning", may_pick=True), agent("elena", capacity=9), profiles(high(2))
    )
    await pool.apply(*(case(pool, n, urgent=True) for n in range(1, 5)))
    assert [await pool.take_next("elena") for _ in range(2)] == [await item(pool, 1), await item(pool, 2)]
    told = (409, 'You have no free capacity in "Urgent work": 2 of 2.')
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1] == told
    assert await pool.pick("elena", await item(pool, 3)) == 409
    assert pool.refused[-1] == told
    assert await pool.give("elena", await item(pool, 3)) == 200
    await pool.complete("elena", await item(pool, 1))
    assert await pool.assign() == 0
    await pool.apply(case(pool, 9))
    assert await pool.take_next("elena") == await item(pool, 9)


async def test_10_who_has_work_that_is_no_longer_urgent_has_room_again_and_work_that_became_so_finds_none(
    pool: AgentPool,
) -> None:
    await pool.organise(plain, agent("elena", capacity=9), profiles(high(2)))
    await _two_urgent_and_a_third_that_waits(pool)
    await pool.reprioritise(await item(pool, 1), LOW)
    assert await _is_offered_the_third(pool)
    await pool.apply(case(pool, 4))
    await pool.reprioritise(await item(pool, 4), 99)
    assert await pool.assign() == 0
    await pool.reprioritise(await item(pool, 4), LOW)
    assert await pool.assign() == 1


async def test_10_profiles_of_a_new_configuration_hold_for_what_waits_and_for_what_is_in_hand(
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


async def test_what_an_agent_completed_in_a_day_is_read_by_an_index_and_a_review_reads_open_work_only(
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
            "\n".join(str(row[0]) for row in await tx.execute(text(f"explain {asked}")))
            for asked in (available.replace(":days", days), str(review.KINDS.text))
        ]
    assert "work_item_done_ix" in plans[0]
    assert "work_item_held_ix" in plans[0]
    assert "work_item_one_open_per_case_key" in plans[1]


async def test_11_a_last_agent_who_is_full_in_a_profile_is_waited_for_until_the_limit_and_then_anybody_will_do(
    pool: AgentPool,
) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await pool.organise(plain, policy, profiles(total(1)))
    await _answered_by_elena(pool)
    await pool.apply(case(pool, 2))
    assert await pool.assign() == 1  # she is full
    await _written_again(pool)
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
    ("name", "changed"),
    [
        ("offline", ()),
        ("without the skill", (agent("elena", skills={}),)),
        ("of another queue", (agent("elena", queues=["rates"]),)),
    ],
)
async def test_11_a_last_agent_who_is_gone_or_can_not_do_it_any_more_is_not_waited_for(
    pool: AgentPool, name: str, changed: tuple[Changed, ...]
) -> None:
    def skilled(organisation: dict[str, Any]) -> None:
        organisation["rules"][-1]["then"]["skills"] = {"planning": 5}

    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await pool.organise(plain, skilled, policy)
    await _answered_by_elena(pool)
    if name == "offline":
        await pool.present("elena", Presence.OFFLINE)
    await pool.organise(plain, skilled, policy, *changed)
    await _written_again(pool)
    assert await pool.assign() == 1
    assert await held(pool, "farid") == ["C-1"]


async def test_11_who_answered_too_long_ago_is_not_waited_for_nor_preferred(pool: AgentPool) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"for": "3d", "wait_at_most": "10m"}})
    await pool.organise(plain, policy)
    await _answered_by_elena(pool)
    pool.now += timedelta(days=3, seconds=1)
    await _written_again(pool)
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].preferred is None


async def _answered_by_elena(pool: AgentPool) -> None:
    await pool.apply(case(pool, 1))
    assert await pool.assign() == 1
    await pool.accept_all()
    await pool.apply(settled(case(pool, 1)))


async def _written_again(pool: AgentPool) -> None:
    """The customer writes again; by then Farid is there too."""
    await pool.present("farid")
    first = case(pool, 1)
    back = first.case.model_copy(update={"revision": 9, "awaiting_answer_since": pool.now})
    await pool.apply(first.model_copy(update={"case": back}))
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from work_item where case_reference = 'C-1' and state = 'completed'"))
