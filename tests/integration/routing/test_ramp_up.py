"""An agent who returns after a long absence is offered work at a limited rate (`ramp_up`)."""

from datetime import timedelta

import pytest

from antiphon.contracts.agents import Presence
from antiphon.organisation.document import ConfigurationError
from routing.domain.configuration.document import read
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import OFFERED, AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import agent, organisation_yaml, section

MINUTE = timedelta(minutes=1)
POLICY = section("agents_policy", {"ramp_up": {"away": "8h", "offers": 2, "per": "5m", "lasts": "30m"}})


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(POLICY, agent("elena", capacity=50), agent("farid", capacity=50))
    await made.apply(*(opened(n, made.now, waited=n) for n in range(1, 41)))
    return made


async def work_through(pool: AgentPool) -> int:
    """Runs passes until one makes no offer; agents accept all offers. Returns the number of offers."""
    total = 0
    while offers := await pool.assign():
        total += offers
        await pool.accept_all()
    return total


async def test_a_returning_agent_gets_a_limited_rate_of_offers_until_the_ramp_up_ends(
    pool: AgentPool,
) -> None:
    await pool.present("elena")
    offered = [await work_through(pool)]
    for _ in range(12):
        pool.now += 2.5 * MINUTE
        offered.append(await work_through(pool))
    assert offered == [2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 28]


async def test_waiting_work_names_the_ramp_up_and_the_agent_may_still_pull(pool: AgentPool) -> None:
    await pool.present("elena")
    await work_through(pool)
    until = pool.now + 30 * MINUTE
    why = (await pool.why("C-1"))["waiting_because"] or ""
    assert f"ramps up until {until:%H:%M:%S}" in why
    assert await pool.take_next("elena") is not None


async def test_a_short_absence_neither_begins_nor_ends_a_ramp_up(pool: AgentPool) -> None:
    await pool.present("elena")
    assert await work_through(pool) == 2
    pool.now += MINUTE
    await pool.present("elena", Presence.AWAY)
    await pool.present("elena")
    assert await work_through(pool) == 0
    pool.now += 30 * MINUTE
    assert await work_through(pool) == 38
    await pool.apply(*(opened(n, pool.now) for n in range(50, 55)))
    await pool.present("elena", Presence.AWAY)
    pool.now += timedelta(hours=7)
    await pool.present("elena")
    assert await work_through(pool) == 5


async def test_other_agents_are_offered_the_work_that_a_ramp_up_withholds(pool: AgentPool) -> None:
    await pool.present("farid")
    await work_through(pool)
    pool.now += timedelta(hours=1)
    await pool.present("elena")
    assert await work_through(pool) == 38
    rows = await pool.rows("select agent_id, count(*) as n from work_item where state <> 'queued' group by 1")
    assert {row.agent_id: row.n for row in rows}["farid"] >= 30
    assert OFFERED not in {row.state for row in (await pool.works()).values()}


async def test_an_agent_who_returns_as_away_first_ramps_up_too(pool: AgentPool) -> None:
    await pool.present("elena", Presence.AWAY)
    pool.now += MINUTE
    await pool.present("elena")
    assert await work_through(pool) == 2


async def test_without_the_policy_a_returning_agent_is_offered_up_to_their_capacity(pool: AgentPool) -> None:
    await pool.organise(agent("elena", capacity=50))
    await pool.present("elena")
    assert await work_through(pool) == 40


@pytest.mark.parametrize(
    ("ramp_up", "message"),
    [
        ({"away": "soon"}, "must be a duration"),
        ({"offers": 0}, "greater than or equal to 1"),
        ({"of": 1}, "Extra inputs"),
    ],
)
def test_a_faulty_ramp_up_policy_is_reported(ramp_up: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(organisation_yaml(section("agents_policy", {"ramp_up": ramp_up})))
    assert any(message in fault.message or "ramp_up" in fault.message for fault in refused.value.faults)
