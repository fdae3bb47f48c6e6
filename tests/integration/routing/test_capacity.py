"""Capacity profiles: how much of which work an agent has at once and in a day, counted from the work itself."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.cases import CaseOpened
from routing.store import staff
from routing.work import handling, review
from tests.conftest import NewDatabase
from tests.integration.routing.floor import BOSS, Changed, Floor, agent, queue, section
from tests.integration.routing.test_offers import opened, settled

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


def case(floor: Floor, number: int, channel: str = "email", *, urgent: bool = False) -> CaseOpened:
    event = opened(number, floor.now, waited=60 - number)
    said = {"channel": channel, "subject": "urgent" if urgent else "a question"}
    return event.model_copy(update={"interaction": event.interaction.model_copy(update=said)})


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    made = Floor(await new_database("routing"))
    # Past: what is to fire by the database's clock does.
    made.now = datetime(2026, 11, 24, 9, tzinfo=SYDNEY)
    await made.organise(plain)
    await made.present("elena")
    return made


async def held(floor: Floor, who: str = "elena") -> list[str]:
    """The cases whose work the agent is offered or has."""
    rows = await floor.rows(
        "select case_reference from work_item where agent_id = :a and state in ('offered', 'accepted') order by 1",
        a=who,
    )
    return [row.case_reference for row in rows]


async def item(floor: Floor, number: int) -> UUID:
    found: UUID = (await floor.works())[f"C-{number}"].work_item_id
    return found


async def test_09_who_holds_as_many_mails_as_they_may_is_offered_a_chat_and_no_fourth_mail(
    floor: Floor,
) -> None:
    written_work = {"id": "written", "name": "Written work", "channels": ["email", "letter"], "most": 3}
    units = section("channel_units", {"phone": "all", "email": 0})
    await floor.organise(plain, agent("elena", capacity=2), units, profiles(written_work))
    await floor.hear(*(case(floor, n) for n in range(1, 5)))
    assert await floor.assign() == 3
    await floor.accept_all()
    assert await held(floor) == ["C-1", "C-2", "C-3"]
    assert (await floor.why("C-4"))["waiting_because"] == (
        'nobody can take it now: has no room in "Written work": 3 of 3; offline'
    )
    assert (await floor.why("C-4"))["waiting_for"] == "capacity"
    assert await floor.take_next("elena") == 409
    assert floor.refused[-1][1] == 'You have no room in "Written work": 3 of 3.'
    await floor.hear(case(floor, 5, "chat"), case(floor, 6, "web"), case(floor, 7, "web"))
    assert await floor.assign() == 2  # the units of her capacity
    assert await held(floor) == ["C-1", "C-2", "C-3", "C-5", "C-6"]
    await floor.accept_all()
    await floor.complete("elena", await item(floor, 2))
    assert await floor.assign() == 1  # though she has no units left
    assert await held(floor) == ["C-1", "C-3", "C-4", "C-5", "C-6"]


async def test_09_a_call_that_takes_a_whole_agent_finds_who_holds_mails_only_and_mails_are_spread(
    floor: Floor,
) -> None:
    units = section("channel_units", {"phone": "all", "email": 0})
    await floor.organise(plain, units, profiles(total(9)))
    await floor.present("farid")
    await floor.hear(*(case(floor, n) for n in range(1, 7)))
    assert await floor.assign() == 6
    assert len(await held(floor, "farid")) == len(await held(floor)) == 3
    await floor.hear(case(floor, 7, "phone"), case(floor, 8, "phone"), case(floor, 9, "phone"))
    assert await floor.assign() == 2
    assert len(await held(floor, "farid")) == len(await held(floor)) == 4


async def test_09_who_wraps_up_or_is_away_is_offered_no_mail_either(floor: Floor) -> None:
    units = section("channel_units", {"email": 0})
    await floor.organise(plain, queue("planning", wrap_up="30s"), units, profiles(total(9)))
    await floor.hear(case(floor, 1))
    await floor.assign()
    await floor.accept_all()
    await floor.complete("elena", await item(floor, 1))
    await floor.hear(case(floor, 2))
    assert await floor.assign() == 0
    await floor.present("elena", Presence.AWAY)
    assert await floor.assign() == 0
    await floor.present("elena")
    assert await floor.assign() == 1


async def test_10_the_third_urgent_item_is_not_offered_and_a_limit_of_ones_own_goes_before_the_profiles(
    floor: Floor,
) -> None:
    await floor.organise(plain, agent("elena", capacity=9), profiles(high(2), total(5)))
    await floor.hear(*(case(floor, n, urgent=n < 4) for n in range(1, 9)))
    assert await floor.assign() == 5
    assert await held(floor) == ["C-1", "C-2", "C-4", "C-5", "C-6"]
    await floor.accept_all()
    assert (await floor.why("C-3"))["waiting_because"] == (
        'nobody can take it now: has no room in "Urgent work": 2 of 2, "All work": 5 of 5; offline'
    )
    await floor.organise(
        plain, agent("elena", capacity=9, profiles={"total": 7, "high": 3}), profiles(high(2), total(5))
    )
    assert await floor.assign() == 2
    assert await held(floor) == ["C-1", "C-2", "C-3", "C-4", "C-5", "C-6", "C-7"]


async def _reassign(floor: Floor, number: int) -> None:
    assert await floor.give("farid", await item(floor, number)) == 200


async def _take_back(floor: Floor, number: int) -> None:
    assert await floor.take_back(await item(floor, number)) == 200


async def _transfer(floor: Floor, number: int) -> None:
    await floor.move(await item(floor, number), "rates")


async def _decline(floor: Floor, number: int) -> None:
    """It is offered to her once more, and she declines."""
    await floor.take_back(await item(floor, number))
    async with floor.engine.begin() as tx:
        force = await floor.force(tx)
        elena = force.configuration.agents_by_id["elena"]
        work = await item(floor, number)
        await handling.transfer(
            tx, work, BOSS, force, queue=None, agent=elena, note=None, anyones=True, now=floor.now
        )
    ((offer,),) = (await floor.pending()).values()
    await floor.decline(offer, "elena")


async def _cancel(floor: Floor, number: int) -> None:
    """Somebody else closes the case."""
    closed = settled(case(floor, number, urgent=True), "closed", "a duplicate")
    await floor.hear(closed.model_copy(update={"by": BOSS}))


async def _delete(floor: Floor, number: int) -> None:
    async with floor.engine.begin() as tx:
        await tx.execute(text("delete from offer where work_item_id = :i"), {"i": await item(floor, number)})
        await tx.execute(
            text("delete from work_item where work_item_id = :i"), {"i": await item(floor, number)}
        )


async def _resolve(floor: Floor, number: int) -> None:
    """She answers, and the case is resolved."""
    await floor.hear(settled(case(floor, number, urgent=True), "resolved"))


async def _complete(floor: Floor, number: int) -> None:
    await floor.complete("elena", await item(floor, number))


NOT_HERS = (_reassign, _take_back, _transfer, _decline, _cancel, _delete)
HERS = (_resolve, _complete)


@pytest.mark.parametrize("end", [*NOT_HERS, *HERS], ids=lambda end: end.__name__.strip("_"))
async def test_10_room_returns_whatever_became_of_the_work(floor: Floor, end: Any) -> None:
    await floor.organise(plain, agent("elena", capacity=9), profiles(high(2), total(5)))
    await _two_urgent_and_a_third_that_waits(floor)
    await end(floor, 1)
    assert await _is_offered_the_third(floor)


@pytest.mark.parametrize("end", [*NOT_HERS, *HERS], ids=lambda end: end.__name__.strip("_"))
async def test_10_what_she_completed_counts_until_the_day_ends_in_its_zone_and_what_she_did_not_does_not(
    floor: Floor, end: Any
) -> None:
    day = {"until": "day-end", "time_zone": "Australia/Sydney"}
    await floor.organise(plain, agent("elena", capacity=9), profiles(high(2, **day), total(5, **day)))
    await _two_urgent_and_a_third_that_waits(floor)
    await end(floor, 1)
    assert await _is_offered_the_third(floor) == (end in NOT_HERS)
    if end in HERS:
        floor.now = datetime(2026, 11, 24, 23, 59, 59, tzinfo=SYDNEY)
        assert not await _is_offered_the_third(floor)
        floor.now = datetime(2026, 11, 25, tzinfo=SYDNEY)
        assert await _is_offered_the_third(floor)


async def _two_urgent_and_a_third_that_waits(floor: Floor) -> None:
    await floor.hear(*(case(floor, n, urgent=True) for n in (1, 2)))
    assert await floor.assign() == 2
    await floor.accept_all()
    await floor.present("farid", Presence.AWAY)  # a supervisor can give him work, the assignment not
    await floor.hear(case(floor, 3, urgent=True))
    assert await floor.assign() == 0


async def _is_offered_the_third(floor: Floor) -> bool:
    await floor.assign()
    return "C-3" in await held(floor)


async def test_10_a_supervisor_may_give_more_and_pick_and_next_may_not_take_more(floor: Floor) -> None:
    await floor.organise(
        plain, queue("planning", may_pick=True), agent("elena", capacity=9), profiles(high(2))
    )
    await floor.hear(*(case(floor, n, urgent=True) for n in range(1, 5)))
    assert [await floor.take_next("elena") for _ in range(2)] == [await item(floor, 1), await item(floor, 2)]
    told = (409, 'You have no room in "Urgent work": 2 of 2.')
    assert await floor.take_next("elena") == 409
    assert floor.refused[-1] == told
    assert await floor.pick("elena", await item(floor, 3)) == 409
    assert floor.refused[-1] == told
    assert await floor.give("elena", await item(floor, 3)) == 200
    await floor.complete("elena", await item(floor, 1))
    assert await floor.assign() == 0
    await floor.hear(case(floor, 9))
    assert await floor.take_next("elena") == await item(floor, 9)


async def test_10_who_has_work_that_is_no_longer_urgent_has_room_again_and_work_that_became_so_finds_none(
    floor: Floor,
) -> None:
    await floor.organise(plain, agent("elena", capacity=9), profiles(high(2)))
    await _two_urgent_and_a_third_that_waits(floor)
    await floor.reprioritise(await item(floor, 1), LOW)
    assert await _is_offered_the_third(floor)
    await floor.hear(case(floor, 4))
    await floor.reprioritise(await item(floor, 4), 99)
    assert await floor.assign() == 0
    await floor.reprioritise(await item(floor, 4), LOW)
    assert await floor.assign() == 1


async def test_10_profiles_of_a_new_configuration_hold_for_what_waits_and_for_what_is_in_hand(
    floor: Floor,
) -> None:
    await floor.organise(plain, agent("elena", capacity=9))
    await floor.hear(case(floor, 1), case(floor, 2, urgent=True))
    assert await floor.assign() == 2
    await floor.accept_all()
    await floor.hear(case(floor, 3, urgent=True), case(floor, 4))
    assert {row.case_reference: row.profiles for row in (await floor.works()).values()} == {
        f"C-{n}": [] for n in range(1, 5)
    }
    await floor.organise(plain, agent("elena", capacity=9), profiles(high(1), total(3)))
    assert {key: row.profiles for key, row in (await floor.works()).items()} == {
        "C-1": ["total"], "C-2": ["high", "total"], "C-3": ["high", "total"], "C-4": ["total"],
    }  # fmt: skip
    assert await floor.assign() == 1
    assert await held(floor) == ["C-1", "C-2", "C-4"]
    await floor.organise(plain, agent("elena", capacity=9))
    assert await floor.assign() == 1


async def test_what_an_agent_completed_in_a_day_is_read_by_an_index_and_a_review_reads_open_work_only(
    floor: Floor,
) -> None:
    available = (
        str(staff.AVAILABLE.text)
        .replace(":ids", "'{elena}'::text[]")
        .replace(":routable", "'{available}'::text[]")
    )
    days = """'[{"profile": "high", "since": "2026-11-24T00:00:00Z"}]'"""
    async with floor.engine.begin() as tx:
        await tx.execute(text("set local enable_seqscan = off"))
        plans = [
            "\n".join(str(row[0]) for row in await tx.execute(text(f"explain {asked}")))
            for asked in (available.replace(":days", days), str(review.KINDS.text))
        ]
    assert "work_item_done_ix" in plans[0]
    assert "work_item_held_ix" in plans[0]
    assert "work_item_one_open_per_case_key" in plans[1]


async def test_11_a_last_agent_who_is_full_in_a_profile_is_waited_for_until_the_limit_and_then_anybody_will_do(
    floor: Floor,
) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await floor.organise(plain, policy, profiles(total(1)))
    await _answered_by_elena(floor)
    await floor.hear(case(floor, 2))
    assert await floor.assign() == 1  # she is full
    await _written_again(floor)
    assert await floor.assign() == 0
    until = floor.now + timedelta(minutes=10)
    assert (await floor.why("C-1"))["waiting_because"] == (
        f'held until {until.astimezone(UTC):%H:%M:%S}: Elena Marino answered this customer last and is busy (has no room in "All work": 1 of 1); '
        "then for anybody"
    )
    floor.now = until
    assert await floor.assign() == 1
    assert await held(floor, "farid") == ["C-1"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("offline", ()),
        ("without the skill", (agent("elena", skills={}),)),
        ("of another queue", (agent("elena", queues=["rates"]),)),
    ],
)
async def test_11_a_last_agent_who_is_gone_or_can_not_do_it_any_more_is_not_waited_for(
    floor: Floor, name: str, changed: tuple[Changed, ...]
) -> None:
    def skilled(organisation: dict[str, Any]) -> None:
        organisation["rules"][-1]["then"]["skills"] = {"planning": 5}

    policy = section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}})
    await floor.organise(plain, skilled, policy)
    await _answered_by_elena(floor)
    if name == "offline":
        await floor.present("elena", Presence.OFFLINE)
    await floor.organise(plain, skilled, policy, *changed)
    await _written_again(floor)
    assert await floor.assign() == 1
    assert await held(floor, "farid") == ["C-1"]


async def test_11_who_answered_too_long_ago_is_not_waited_for_nor_preferred(floor: Floor) -> None:
    policy = section("agents_policy", {"prefer_last_agent": {"for": "3d", "wait_at_most": "10m"}})
    await floor.organise(plain, policy)
    await _answered_by_elena(floor)
    floor.now += timedelta(days=3, seconds=1)
    await _written_again(floor)
    assert await floor.assign() == 1
    assert (await floor.works())["C-1"].preferred is None


async def _answered_by_elena(floor: Floor) -> None:
    await floor.hear(case(floor, 1))
    assert await floor.assign() == 1
    await floor.accept_all()
    await floor.hear(settled(case(floor, 1)))


async def _written_again(floor: Floor) -> None:
    """The customer writes again; by then Farid is there too."""
    await floor.present("farid")
    first = case(floor, 1)
    back = first.case.model_copy(update={"revision": 9, "awaiting_answer_since": floor.now})
    await floor.hear(first.model_copy(update={"case": back}))
    async with floor.engine.begin() as tx:
        await tx.execute(text("delete from work_item where case_reference = 'C-1' and state = 'completed'"))
