"""Presence, heartbeats, capacity units, wrap-up and the last agent of a customer."""

from datetime import timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.http.problems import Problem
from antiphon.organisation.agent_policy import WHOLE
from antiphon.organisation.document import ConfigurationError
from deploy.site import PROJECT
from routing import store
from routing.agents import presence
from routing.domain import agent_load
from routing.domain.configuration.document import read
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, QUEUED, AgentPool
from tests.support.routing.harness import AGAIN_AFTER, opened, status_changed
from tests.support.routing.organisation import agent, organisation_yaml, queue, section
from tests.support.routing.presence import heartbeat, miss_heartbeats
from tests.support.statements import counted


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def presence_of(pool: AgentPool, who: str) -> str:
    (row,) = await pool.rows("select presence from agent where agent_id = :a", a=who)
    return str(row.presence)


async def test_an_agent_whose_heartbeats_stop_goes_offline_and_their_work_is_queued_again(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now, waited=5), opened(2, pool.now, waited=4))
    for who in ("elena", "farid"):
        await pool.present(who)
    assert await heartbeat(pool, "elena") == "available"
    await pool.assign()
    await pool.accept_all()
    before = await pool.works()
    await pool.make_due("presence-lost")
    await miss_heartbeats(pool, 90, "elena")
    assert await presence_of(pool, "elena") == "available"
    await miss_heartbeats(pool, 121, "elena")
    assert (await presence_of(pool, "elena"), await presence_of(pool, "farid")) == ("offline", "available")
    after = await pool.works()
    keys = {key for key, row in before.items() if row.agent_id == "elena"}
    assert keys
    assert {key for key, row in after.items() if row.state == QUEUED} == keys
    assert all(after[key].queued_at == before[key].queued_at for key in after)
    assert await pool.rows("select 1 from outbox where convert_from(value, 'utf8') like '%presence lost%'")
    assert await heartbeat(pool, "elena") is None
    assert await pool.rows("select 1 from timer where kind = 'presence-lost'") == []


async def test_an_agent_without_heartbeats_stays_present_and_a_heartbeat_is_one_statement(
    pool: AgentPool,
) -> None:
    await pool.present("elena")
    assert await pool.rows("select 1 from timer") == []
    with counted(pool.engine) as statements:
        await heartbeat(pool, "elena")
    assert len(statements) == 1
    (timer,) = await pool.rows("select kind from timer")
    assert timer.kind == "presence-lost"
    await pool.present("elena", Presence.OFFLINE)
    await pool.present("elena")
    await pool.make_due("presence-lost")
    assert await presence_of(pool, "elena") == "available"
    assert await pool.rows("select 1 from timer") == []


async def test_two_hundred_agents_lost_at_once_take_as_many_statements_as_two(pool: AgentPool) -> None:
    names = [f"a{n}" for n in range(202)]
    more = [{"id": name, "name": name, "queues": ["planning"], "skills": {"planning": 5}} for name in names]
    await pool.organise(lambda organisation: organisation["people"].extend(more))
    await pool.apply(*(opened(n, pool.now) for n in range(1, 200)))
    counts: list[int] = []
    for agents in (names[:2], names[2:]):
        for name in agents:
            await pool.present(name)
            await heartbeat(pool, name)
        await pool.assign()
        async with pool.engine.begin() as tx:
            await tx.execute(
                text(
                    "update agent set last_heartbeat_at = now() - interval '1 hour' where last_heartbeat_at is not null"
                )
            )
        with counted(pool.engine) as statements:
            await pool.make_due("presence-lost")
        counts.append(len(statements))
        assert await pool.rows("select 1 from agent where presence <> 'offline'") == []
        assert await pool.rows("select 1 from work_item where state <> 'queued'") == []
    assert counts[0] == counts[1]


async def test_two_missed_offers_in_a_row_make_an_agent_unavailable_and_warn_supervisors(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now))
    await pool.present("elena")
    await pool.organise(agent("elena", capacity=1))
    await pool.assign()
    await pool.make_due("offer-expiry")
    pool.now += AGAIN_AFTER
    await pool.assign()
    await pool.accept_all()  # an answer resets the count
    (row,) = await pool.rows("select missed from agent")
    assert row.missed == 0
    await pool.complete(
        "elena", next(w.work_item_id for w in (await pool.works()).values() if w.state == ACCEPTED)
    )
    for number, expected in enumerate(["available", "not-responding"]):
        pool.now += number * AGAIN_AFTER
        assert await pool.assign() == 1
        await pool.make_due("offer-expiry")
        assert await presence_of(pool, "elena") == expected
    (change,) = await pool.rows("select audience, data from change_log where kind = 'agent-unavailable'")
    assert (change.audience, change.data) == (["supervisors"], {"missed_offers": 2})


async def test_one_missed_offer_is_enough_where_the_policy_says_so(pool: AgentPool) -> None:
    await pool.organise(section("agents_policy", {"missed_offers": 1}))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    await pool.make_due("offer-expiry")
    assert await presence_of(pool, "elena") == "not-responding"


async def test_a_call_takes_all_capacity_of_an_idle_agent_and_mails_take_their_units(pool: AgentPool) -> None:
    units = section("channel_units", {"phone": "all", "email": 2})
    await pool.organise(units, agent("elena", capacity=5))
    call = opened(1, pool.now)
    call = call.model_copy(update={"interaction": call.interaction.model_copy(update={"channel": "phone"})})
    await pool.apply(*(opened(n, pool.now, waited=10 - n) for n in (2, 3, 4)))
    await pool.present("elena")
    assert await pool.assign() == 2  # 4 of 5 units
    await pool.apply(call)
    assert await pool.assign() == 0
    await pool.accept_all()
    for row in (await pool.works()).values():
        if row.state == ACCEPTED:
            await pool.complete("elena", row.work_item_id)
    assert await pool.assign_to("elena", (await pool.works())["C-4"].work_item_id) == 200
    assert await pool.assign() == 0
    assert (await pool.why("C-1"))["waiting_because"] == "nobody can take it now: no capacity; offline"
    await pool.complete("elena", (await pool.works())["C-4"].work_item_id)
    assert await pool.assign() == 1
    await pool.apply(opened(5, pool.now))
    assert await pool.assign() == 0
    async with pool.engine.begin() as tx:
        assert agent_load.shown_load((await store.agents.loads(tx, ["elena"]))["elena"], 5) == 5


async def test_work_is_offered_in_the_routable_presences_that_the_organisation_lists(pool: AgentPool) -> None:
    kinds = [
        {"id": "available", "name": "Available", "routable": True},
        {"id": "back-office", "name": "Back office", "routable": True},
        {"id": "training", "name": "Training"},
        {"id": "on-leave", "name": "On leave", "settable": False},
    ]
    await pool.organise(section("presences", kinds))
    await pool.apply(opened(1, pool.now))
    async with pool.engine.begin() as tx:
        configuration = (await pool.active(tx)).configuration
        elena = configuration.agents_by_id["elena"]
        chosen = presence.require_settable(configuration, "training")
        await presence.set_presence(tx, elena, chosen, "test", pool.now)
    assert await pool.assign() == 0
    assert (await pool.why("C-1"))[
        "waiting_because"
    ] == "nobody of the queue is available (offline, training)"
    async with pool.engine.begin() as tx:
        await presence.set_presence(tx, elena, "back-office", "test", pool.now)
    assert await pool.assign() == 1
    for unknown, status, detail in (
        ("trainning", 422, None),
        ("busy", 422, None),
        ("not-responding", 403, "Not responding can't be chosen by people."),
        ("on-leave", 403, "On leave can't be chosen by people."),
    ):
        with pytest.raises(Problem) as refused:
            presence.require_settable(configuration, unknown)
        assert refused.value.status == status
        assert detail is None or str(refused.value) == detail
    with pytest.raises(Problem) as refused:
        presence.require_settable(configuration, "trainning")
    assert (
        refused.value.body["errors"][0]["detail"] == "unknown presence 'trainning', did you mean 'training'?"
    )


async def test_an_agent_wraps_up_after_completing_until_the_time_is_over_or_they_are_ready(
    pool: AgentPool,
) -> None:
    await pool.organise(queue("planning", wrap_up="30s"), agent("elena", capacity=1))
    first = opened(1, pool.now, waited=9)
    await pool.apply(first, *(opened(n, pool.now) for n in (2, 3)))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    await pool.apply(status_changed(first))
    assert await pool.assign() == 0
    until = pool.now + timedelta(seconds=30)
    reason = f"nobody can take it now: offline; wraps up until {until:%H:%M:%S}"
    assert (await pool.why("C-2"))["waiting_because"] == reason
    pool.now = until
    assert await pool.make_due("wrap-up") == 1
    assert await pool.assign() == 1
    await pool.accept_all()
    held = next(row for row in (await pool.works()).values() if row.state == ACCEPTED)
    await pool.complete("elena", held.work_item_id)
    assert await pool.assign() == 0
    await pool.present("elena")
    assert await pool.assign() == 1


async def test_work_waits_for_its_last_agent_who_is_busy_but_not_beyond_the_limit(pool: AgentPool) -> None:
    policy = {"prefer_last_agent": {"for": "3d", "wait_at_most": "10m"}}
    await pool.organise(section("agents_policy", policy), agent("elena", capacity=1))
    await pool.present("elena")
    case = opened(1, pool.now)
    await pool.apply(case)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(status_changed(case))
    await pool.apply(opened(2, pool.now))
    await pool.assign()
    await pool.present("farid")
    back = case.case.model_copy(update={"revision": 9, "awaiting_answer_since": pool.now})
    await pool.apply(case.model_copy(update={"case": back}))
    assert await pool.assign() == 0
    why = (await pool.why("C-1"))["waiting_because"]
    until = pool.now + timedelta(minutes=10)
    assert why == (
        f"held until {until:%H:%M:%S}: Elena Marino answered this customer last and is busy (no capacity); then for anybody"
    )
    assert await pool.take_next("farid") is None
    pool.now = until
    assert await pool.make_due("hold") == 1
    assert await pool.assign() == 1
    (waits,) = await pool.rows(
        "select agent_id from work_item where case_reference = 'C-1' and state = 'offered'"
    )
    assert waits.agent_id == "farid"


@pytest.mark.parametrize("absence", [Presence.OFFLINE, Presence.AWAY])
async def test_work_does_not_wait_for_a_last_agent_who_is_away_or_offline(
    pool: AgentPool, absence: Presence
) -> None:
    await pool.organise(section("agents_policy", {"prefer_last_agent": {"wait_at_most": "10m"}}))
    await pool.present("elena")
    case = opened(1, pool.now)
    await pool.apply(case)
    await pool.assign()
    await pool.accept_all()
    await pool.apply(status_changed(case))
    await pool.present("elena", absence)
    await pool.present("farid")
    back = case.case.model_copy(update={"revision": 9, "awaiting_answer_since": pool.now})
    await pool.apply(case.model_copy(update={"case": back}))
    assert await pool.assign() == 1


async def test_a_new_configuration_publishes_events_of_the_changed_agents_only(pool: AgentPool) -> None:
    assert (
        await pool.count_events("agent.skills-changed.v1")
        == await pool.count_events("agent.capacity-changed.v1")
        == 0
    )
    await pool.organise(agent("elena", skills={"planning": 3}), agent("farid", capacity=9))
    rows = await pool.rows(
        "select key, headers, convert_from(value, 'utf8') as value from outbox where topic = 'agents' order by id"
    )
    assert [row.key for row in rows] == ["elena", "farid"]
    assert "agent.skills-changed.v1" in rows[0].headers
    assert "agent.capacity-changed.v1" in rows[1].headers
    assert '"capacity":9' in rows[1].value


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("channel_units", {"fone": 1}, "unknown channel 'fone', did you mean 'phone'?"),
        ("channel_units", {"phone": "most"}, "must be a number of units from 0 to 100, or `all`"),
        ("presences", [{"id": "busy", "name": "Busy"}], "one presence must be routable"),
        (
            "presences",
            [{"id": "offline", "name": "Off", "routable": True}],
            "agents who are offline are never offered work",
        ),
        ("agents_policy", {"missed_offers": 0}, "greater than or equal to 1"),
        ("agents_policy", {"prefer_last_agent": {"for": "3 days"}}, "must be a duration"),
    ],
)
def test_faults_in_agent_settings_are_reported_with_their_line(
    name: str, content: object, message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(organisation_yaml(section(name, content)))
    fault = next(fault for fault in refused.value.faults if message in fault.message)
    assert fault.line > 1


async def test_the_capacity_profiles_of_the_agents_guide_do_what_it_says(pool: AgentPool) -> None:
    guide = (PROJECT / "docs/guides/agents.md").read_text()
    example = yaml.safe_load(guide.split("```yaml\n")[2].split("```")[0])

    def apply_guide(organisation: dict[str, Any]) -> None:
        elena = {**example["people"][0], "skills": {"planning": 9}}
        others = [each for each in organisation["people"] if each["id"] != "elena"]
        organisation |= example | {"people": [elena, *others]}

    await pool.organise(apply_guide)
    await pool.present("elena")
    await pool.apply(*(opened(n, pool.now, waited=9 - n) for n in (1, 2, 3, 4)))
    assert await pool.assign() == 3
    call = opened(5, pool.now)
    call = call.model_copy(update={"interaction": call.interaction.model_copy(update={"channel": "phone"})})
    await pool.apply(call)
    assert await pool.assign() == 1
    async with pool.engine.begin() as tx:
        configuration = (await pool.active(tx)).configuration
        row = (await store.agents.agents(tx, configuration.days(pool.now)))["elena"]
    used = agent_load.profiles_used(configuration, configuration.agents_by_id["elena"], row)
    assert [(profile.profile, profile.used, profile.most) for profile in used] == [
        ("written", 3, 3), ("high", 0, 4), ("total", 4, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ["emial"]}, "unknown channel 'emial', did you mean 'email'?"),
        ({"queues": ["planing"]}, "unknown queue 'planing', did you mean 'planning'?"),
        ({"id": "total"}, "a second capacity profile 'total'"),
        ({"time_zone": "Australia/Sydney"}, "is only used with `until: day-end`"),
        ({"until": "day-end", "time_zone": "Sydney"}, "unknown time zone 'Sydney'"),
        ({"most": 0}, "greater than or equal to 1"),
        ({"until": "midnight"}, "'released' or 'day-end'"),
    ],
)
def test_faults_in_capacity_profiles_are_reported_with_their_line(
    changes: dict[str, Any], message: str
) -> None:
    profiles = [
        {"id": "total", "name": "All", "most": 5},
        {"id": "other", "name": "Other", "most": 1, **changes},
    ]
    with pytest.raises(ConfigurationError) as refused:
        read(organisation_yaml(section("capacity_profiles", profiles)))
    fault = next(fault for fault in refused.value.faults if message in fault.message)
    assert fault.line > 1


def test_unknown_profiles_of_agents_and_zero_unit_work_without_a_limit_are_faults() -> None:
    profile = section("capacity_profiles", [{"id": "high", "name": "H", "channels": ["phone"], "most": 1}])
    with pytest.raises(ConfigurationError) as refused:
        read(
            organisation_yaml(
                profile, agent("elena", profiles={"hihg": 1}), section("channel_units", {"email": 0})
            )
        )
    assert {fault.message for fault in refused.value.faults} == {
        "takes no units of capacity, so a capacity profile must limit it",
        "unknown capacity profile 'hihg', did you mean 'high'?",
    }


async def test_the_example_of_the_agents_guide_loads_and_means_what_it_says(pool: AgentPool) -> None:
    guide = (PROJECT / "docs/guides/agents.md").read_text()
    example = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])

    def apply_guide(organisation: dict[str, Any]) -> None:
        planning = example["queues"]["planning"]
        others = [each for each in organisation["people"] if each["id"] != "elena"]
        organisation |= example | {
            "queues": organisation["queues"] | {"planning": planning},
            "people": [*example["people"], *others],
        }

    await pool.organise(apply_guide)
    async with pool.engine.begin() as tx:
        configuration = (await pool.active(tx)).configuration
    assert configuration.routable == {"available", "back-office"}
    assert (configuration.units("phone"), configuration.units("email"), configuration.units("social")) == (
        WHOLE,
        2,
        1,
    )
    assert (configuration.may_decline("planning"), configuration.may_decline("rates")) == (False, True)
    default = read(organisation_yaml())
    assert default.routable == {"available"}
    assert set(default.presences_by_id) == {"available", "busy", "away", "not-responding", "offline"}
    assert default.units("phone") == 1
