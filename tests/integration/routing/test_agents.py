"""Who is there, how much they can take, and what their silence means."""

from datetime import timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.http.problems import Problem
from antiphon.organisation.document import ConfigurationError
from deploy.site import PROJECT
from routing.agents import presence
from routing.domain.configuration import read
from routing.domain.sections.agents_policy import WHOLE
from routing.store import staff
from tests.conftest import NewDatabase
from tests.integration.routing.floor import ACCEPTED, QUEUED, Floor, agent, queue, section, written
from tests.integration.routing.test_offers import AGAIN, opened, settled
from tests.statements import counted


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    made = Floor(await new_database("routing"))
    await made.organise()
    return made


async def silence(floor: Floor, seconds: int, who: str) -> None:
    """The agent was heard of that long ago, and the timer that watches them is due."""
    async with floor.engine.begin() as tx:
        given = {"s": timedelta(seconds=seconds), "a": who}
        await tx.execute(
            text("update agent set heard_at = now() - cast(:s as interval) where agent_id = :a"), given
        )
    await floor.make_due("presence-lost")


async def heartbeat(floor: Floor, who: str) -> str | None:
    async with floor.engine.begin() as tx:
        row = await staff.heartbeat(tx, who)
    return row.presence if row else None


async def presence_of(floor: Floor, who: str) -> str:
    (row,) = await floor.rows("select presence from agent where agent_id = :a", a=who)
    return str(row.presence)


async def test_a_desktop_that_falls_silent_loses_presence_and_the_work_returns_to_its_place(
    floor: Floor,
) -> None:
    await floor.hear(opened(1, floor.now, waited=5), opened(2, floor.now, waited=4))
    for who in ("elena", "farid"):
        await floor.present(who)
    assert await heartbeat(floor, "elena") == "available"
    await floor.assign()
    await floor.accept_all()
    before = await floor.works()
    await floor.make_due("presence-lost")
    await silence(floor, 59, "elena")
    assert await presence_of(floor, "elena") == "available"
    await silence(floor, 61, "elena")
    assert (await presence_of(floor, "elena"), await presence_of(floor, "farid")) == ("offline", "available")
    after = await floor.works()
    hers = {key for key, row in before.items() if row.agent_id == "elena"}
    assert hers
    assert {key for key, row in after.items() if row.state == QUEUED} == hers
    assert all(after[key].queued_at == before[key].queued_at for key in after)
    assert await floor.rows("select 1 from outbox where convert_from(value, 'utf8') like '%presence lost%'")
    assert await heartbeat(floor, "elena") is None
    assert await floor.rows("select 1 from timer where kind = 'presence-lost'") == []


async def test_who_sends_no_heartbeat_is_never_lost_and_a_heartbeat_is_one_statement(floor: Floor) -> None:
    await floor.present("elena")
    assert await floor.rows("select 1 from timer") == []
    with counted(floor.engine) as statements:
        await heartbeat(floor, "elena")
    assert len(statements) == 1
    (timer,) = await floor.rows("select kind from timer")
    assert timer.kind == "presence-lost"
    await floor.present("elena", Presence.OFFLINE)
    await floor.present("elena")
    await floor.make_due("presence-lost")
    assert await presence_of(floor, "elena") == "available"
    assert await floor.rows("select 1 from timer") == []


async def test_two_hundred_desktops_lost_at_once_take_as_many_statements_as_two(floor: Floor) -> None:
    names = [f"a{n}" for n in range(202)]
    more = [{"id": name, "name": name, "queues": ["planning"], "skills": {"planning": 5}} for name in names]
    await floor.organise(lambda organisation: organisation["agents"].extend(more))
    await floor.hear(*(opened(n, floor.now) for n in range(1, 200)))
    counts: list[int] = []
    for some in (names[:2], names[2:]):
        for name in some:
            await floor.present(name)
            await heartbeat(floor, name)
        await floor.assign()
        async with floor.engine.begin() as tx:
            await tx.execute(
                text("update agent set heard_at = now() - interval '1 hour' where heard_at is not null")
            )
        with counted(floor.engine) as statements:
            await floor.make_due("presence-lost")
        counts.append(len(statements))
        assert await floor.rows("select 1 from agent where presence <> 'offline'") == []
        assert await floor.rows("select 1 from work_item where state <> 'queued'") == []
    assert counts[0] == counts[1]


async def test_two_missed_offers_in_a_row_make_an_agent_unavailable_and_supervisors_hear_of_it(
    floor: Floor,
) -> None:
    await floor.hear(opened(1, floor.now), opened(2, floor.now))
    await floor.present("elena")
    await floor.organise(agent("elena", capacity=1))
    await floor.assign()
    await floor.make_due("offer-expiry")
    floor.now += AGAIN
    await floor.assign()
    await floor.accept_all()  # who answers is counted anew
    (row,) = await floor.rows("select missed from agent")
    assert row.missed == 0
    await floor.complete(
        "elena", next(w.work_item_id for w in (await floor.works()).values() if w.state == ACCEPTED)
    )
    for place, stands in enumerate(["available", "not-responding"]):
        floor.now += place * AGAIN
        assert await floor.assign() == 1
        await floor.make_due("offer-expiry")
        assert await presence_of(floor, "elena") == stands
    (told,) = await floor.rows("select audience, data from change_log where kind = 'agent-unavailable'")
    assert (told.audience, told.data) == (["supervisors"], {"missed_offers": 2})


async def test_one_missed_offer_is_enough_where_the_policy_says_so(floor: Floor) -> None:
    await floor.organise(section("agents_policy", {"missed_offers": 1}))
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    await floor.assign()
    await floor.make_due("offer-expiry")
    assert await presence_of(floor, "elena") == "not-responding"


async def test_a_call_takes_an_empty_agent_whole_and_mails_take_their_units(floor: Floor) -> None:
    units = section("channel_units", {"phone": "all", "email": 2})
    await floor.organise(units, agent("elena", capacity=5))
    call = opened(1, floor.now)
    call = call.model_copy(update={"interaction": call.interaction.model_copy(update={"channel": "phone"})})
    await floor.hear(*(opened(n, floor.now, waited=10 - n) for n in (2, 3, 4)))
    await floor.present("elena")
    assert await floor.assign() == 2  # 4 of 5 units
    await floor.hear(call)
    assert await floor.assign() == 0
    await floor.accept_all()
    for row in (await floor.works()).values():
        if row.state == ACCEPTED:
            await floor.complete("elena", row.work_item_id)
    assert await floor.give("elena", (await floor.works())["C-4"].work_item_id) == 200
    assert await floor.assign() == 0
    assert (await floor.why("C-1"))["waiting_because"] == "nobody can take it now: no capacity; offline"
    await floor.complete("elena", (await floor.works())["C-4"].work_item_id)
    assert await floor.assign() == 1
    await floor.hear(opened(5, floor.now))
    assert await floor.assign() == 0
    async with floor.engine.begin() as tx:
        assert staff.shown_load((await staff.loads(tx, ["elena"]))["elena"], 5) == 5


async def test_work_is_offered_in_the_routable_presences_that_the_organisation_lists(floor: Floor) -> None:
    kinds = [
        {"id": "available", "name": "Available", "routable": True},
        {"id": "back-office", "name": "Back office", "routable": True},
        {"id": "training", "name": "Training"},
        {"id": "on-leave", "name": "On leave", "settable": False},
    ]
    await floor.organise(section("presences", kinds))
    await floor.hear(opened(1, floor.now))
    async with floor.engine.begin() as tx:
        configuration = (await floor.force(tx)).configuration
        elena = configuration.agents_by_id["elena"]
        chosen = presence.choosable(configuration, "training")
        await presence.set_presence(tx, elena, chosen, "test", floor.now)
    assert await floor.assign() == 0
    assert (await floor.why("C-1"))[
        "waiting_because"
    ] == "nobody of the queue is available (offline, training)"
    async with floor.engine.begin() as tx:
        await presence.set_presence(tx, elena, "back-office", "test", floor.now)
    assert await floor.assign() == 1
    for wrong, status, told in (
        ("trainning", 422, None),
        ("busy", 422, None),
        ("not-responding", 403, "Not responding is not for people to choose."),
        ("on-leave", 403, "On leave is not for people to choose."),
    ):
        with pytest.raises(Problem) as refused:
            presence.choosable(configuration, wrong)
        assert refused.value.status == status
        assert told is None or str(refused.value) == told
    with pytest.raises(Problem) as refused:
        presence.choosable(configuration, "trainning")
    assert (
        refused.value.body["errors"][0]["detail"] == "unknown presence 'trainning', did you mean 'training'?"
    )


async def test_after_completing_an_agent_wraps_up_until_the_time_passes_or_they_say_that_they_are_ready(
    floor: Floor,
) -> None:
    await floor.organise(queue("planning", wrap_up="30s"), agent("elena", capacity=1))
    first = opened(1, floor.now, waited=9)
    await floor.hear(first, *(opened(n, floor.now) for n in (2, 3)))
    await floor.present("elena")
    await floor.assign()
    await floor.accept_all()
    await floor.hear(settled(first))
    assert await floor.assign() == 0
    until = floor.now + timedelta(seconds=30)
    told = f"nobody can take it now: offline; wraps up until {until:%H:%M:%S}"
    assert (await floor.why("C-2"))["waiting_because"] == told
    floor.now = until
    assert await floor.make_due("wrap-up") == 1
    assert await floor.assign() == 1
    await floor.accept_all()
    held = next(row for row in (await floor.works()).values() if row.state == ACCEPTED)
    await floor.complete("elena", held.work_item_id)
    assert await floor.assign() == 0
    await floor.present("elena")
    assert await floor.assign() == 1


async def test_work_waits_for_its_last_agent_who_is_busy_but_not_beyond_the_limit(floor: Floor) -> None:
    policy = {"prefer_last_agent": {"for": "3d", "wait_at_most": "10m"}}
    await floor.organise(section("agents_policy", policy), agent("elena", capacity=1))
    await floor.present("elena")
    case = opened(1, floor.now)
    await floor.hear(case)
    await floor.assign()
    await floor.accept_all()
    await floor.hear(settled(case))
    await floor.hear(opened(2, floor.now))
    await floor.assign()
    await floor.present("farid")
    back = case.case.model_copy(update={"revision": 9, "awaiting_answer_since": floor.now})
    await floor.hear(case.model_copy(update={"case": back}))
    assert await floor.assign() == 0
    why = (await floor.why("C-1"))["waiting_because"]
    until = floor.now + timedelta(minutes=10)
    assert why == (
        f"held until {until:%H:%M:%S}: Elena Marino answered this customer last and is busy (no capacity); then for anybody"
    )
    assert await floor.take_next("farid") is None
    floor.now = until
    assert await floor.make_due("hold") == 1
    assert await floor.assign() == 1
    (waits,) = await floor.rows(
        "select agent_id from work_item where case_reference = 'C-1' and state = 'offered'"
    )
    assert waits.agent_id == "farid"


@pytest.mark.parametrize("gone", [Presence.OFFLINE, Presence.AWAY])
async def test_work_does_not_wait_for_a_last_agent_who_is_not_there(floor: Floor, gone: Presence) -> None:
    await floor.organise(section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}}))
    await floor.present("elena")
    case = opened(1, floor.now)
    await floor.hear(case)
    await floor.assign()
    await floor.accept_all()
    await floor.hear(settled(case))
    await floor.present("elena", gone)
    await floor.present("farid")
    back = case.case.model_copy(update={"revision": 9, "awaiting_answer_since": floor.now})
    await floor.hear(case.model_copy(update={"case": back}))
    assert await floor.assign() == 1


async def test_a_configuration_that_changes_agents_tells_which_and_only_those(floor: Floor) -> None:
    assert await floor.told("agent.skills-changed.v1") == await floor.told("agent.capacity-changed.v1") == 0
    await floor.organise(agent("elena", skills={"planning": 3}), agent("farid", capacity=9))
    rows = await floor.rows(
        "select key, headers, convert_from(value, 'utf8') as value from outbox where topic = 'agents' order by id"
    )
    assert [row.key for row in rows] == ["elena", "farid"]
    assert "agent.skills-changed.v1" in rows[0].headers
    assert "agent.capacity-changed.v1" in rows[1].headers
    assert '"capacity":9' in rows[1].value


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("channel_units", {"fone": 1}, "unknown channel 'fone', did you mean 'phone'?"),
        ("channel_units", {"phone": "most"}, "must be a number of units from 0 to 100, or `all`"),
        ("presences", [{"id": "busy", "name": "Busy"}], "one must be routable"),
        (
            "presences",
            [{"id": "offline", "name": "Off", "routable": True}],
            "work is never offered to the offline",
        ),
        ("agents_policy", {"missed_offers": 0}, "greater than or equal to 1"),
        ("agents_policy", {"prefer_last_agent": {"for": "3 days"}}, "must be a duration"),
    ],
)
def test_what_agents_may_do_is_checked_with_its_place(name: str, given: object, told: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read(written(section(name, given)))
    fault = next(fault for fault in wrong.value.faults if told in fault.message)
    assert fault.line > 1


async def test_the_guides_limits_do_what_the_guide_says(floor: Floor) -> None:
    guide = (PROJECT / "docs/guides/agents.md").read_text()
    shown = yaml.safe_load(guide.split("```yaml\n")[2].split("```")[0])

    def follow(organisation: dict[str, Any]) -> None:
        elena = {**shown["agents"][0], "skills": {"planning": 9}}
        others = [one for one in organisation["agents"] if one["id"] != "elena"]
        organisation |= shown | {"agents": [elena, *others]}

    await floor.organise(follow)
    await floor.present("elena")
    await floor.hear(*(opened(n, floor.now, waited=9 - n) for n in (1, 2, 3, 4)))
    assert await floor.assign() == 3
    call = opened(5, floor.now)
    call = call.model_copy(update={"interaction": call.interaction.model_copy(update={"channel": "phone"})})
    await floor.hear(call)
    assert await floor.assign() == 1
    async with floor.engine.begin() as tx:
        configuration = (await floor.force(tx)).configuration
        row = (await staff.agents(tx, configuration.days(floor.now)))["elena"]
    used = staff.profiles_used(configuration, configuration.agents_by_id["elena"], row)
    assert [(one.profile, one.used, one.most) for one in used] == [
        ("written", 3, 3), ("high", 0, 4), ("total", 4, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"channels": ["emial"]}, "unknown channel 'emial', did you mean 'email'?"),
        ({"queues": ["planing"]}, "unknown queue 'planing', did you mean 'planning'?"),
        ({"id": "total"}, "a second capacity profile 'total'"),
        ({"time_zone": "Australia/Sydney"}, "is only asked for with `until: day-end`"),
        ({"until": "day-end", "time_zone": "Sydney"}, "unknown time zone 'Sydney'"),
        ({"most": 0}, "greater than or equal to 1"),
        ({"until": "midnight"}, "'released' or 'day-end'"),
    ],
)
def test_capacity_profiles_are_checked_with_their_place(changed: dict[str, Any], told: str) -> None:
    given = [
        {"id": "total", "name": "All", "most": 5},
        {"id": "other", "name": "Other", "most": 1, **changed},
    ]
    with pytest.raises(ConfigurationError) as wrong:
        read(written(section("capacity_profiles", given)))
    fault = next(fault for fault in wrong.value.faults if told in fault.message)
    assert fault.line > 1


def test_unknown_profiles_of_agents_and_work_that_nothing_limits_are_faults() -> None:
    profile = section("capacity_profiles", [{"id": "high", "name": "H", "channels": ["phone"], "most": 1}])
    with pytest.raises(ConfigurationError) as wrong:
        read(written(profile, agent("elena", profiles={"hihg": 1}), section("channel_units", {"email": 0})))
    assert {fault.message for fault in wrong.value.faults} == {
        "takes nothing of an agent's capacity, so a capacity profile must limit it",
        "unknown capacity profile 'hihg', did you mean 'high'?",
    }


async def test_the_guides_example_can_be_loaded_and_means_what_the_guide_says(floor: Floor) -> None:
    guide = (PROJECT / "docs/guides/agents.md").read_text()
    shown = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])

    def follow(organisation: dict[str, Any]) -> None:
        planning = shown["queues"]["planning"]
        others = [one for one in organisation["agents"] if one["id"] != "elena"]
        organisation |= shown | {
            "queues": organisation["queues"] | {"planning": planning},
            "agents": [*shown["agents"], *others],
        }

    await floor.organise(follow)
    async with floor.engine.begin() as tx:
        configuration = (await floor.force(tx)).configuration
    assert configuration.routable == {"available", "back-office"}
    assert (configuration.units("phone"), configuration.units("email"), configuration.units("social")) == (
        WHOLE,
        2,
        1,
    )
    assert (configuration.may_decline("planning"), configuration.may_decline("rates")) == (False, True)
    usual = read(written())
    assert usual.routable == {"available"}
    assert set(usual.presences_by_id) == {"available", "busy", "away", "not-responding", "offline"}
    assert usual.units("phone") == 1
