"""Units of capacity, and work that is held for its last agent."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from antiphon.organisation.agent_policy import WHOLE, LastAgent
from routing.domain.matching.agent_selection import AgentPool, match
from routing.domain.matching.eligibility import Candidate, Obstacle, Waiting, WhyNot, units_taken, why_not
from routing.work.pulling import suitable

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SOON = NOW + timedelta(minutes=10)
AGAIN = timedelta(seconds=60)


def item(number: int, units: int = 1, preferred: str | None = None, hold_until: datetime | None = None,
         refused: dict[str, datetime] | None = None) -> Waiting:  # fmt: skip
    due = NOW + timedelta(minutes=number)
    return Waiting(
        UUID(int=number),
        "rates",
        {},
        due,
        NOW,
        refused or {},
        preferred,
        units=units,
        hold_until=hold_until,
    )


def agent(name: str, free: int, load: int = 0) -> Candidate:
    return Candidate(name, {"rates"}, {}, free, load, NOW)


def test_work_of_more_units_than_an_agents_capacity_goes_to_them_when_they_hold_none() -> None:
    assert why_not(item(1, 5), agent("empty", 3)) is None
    assert why_not(item(1, 5), agent("holds one", 2, 1)) == Obstacle(WhyNot.CAPACITY)
    assert why_not(item(1, WHOLE), agent("over", -2, 5)) == Obstacle(WhyNot.CAPACITY)
    assert why_not(item(1), agent("wraps up", 0)) == Obstacle(WhyNot.CAPACITY)


def test_work_that_takes_a_whole_agent_leaves_no_free_capacity() -> None:
    assert match([item(1, WHOLE), item(2)], AgentPool([agent("a", 9)]), NOW, AGAIN) == [(UUID(int=1), "a")]
    assert match([item(2, WHOLE), item(1)], AgentPool([agent("a", 9)]), NOW, AGAIN) == [(UUID(int=1), "a")]


def test_work_is_held_for_a_last_agent_who_is_present_and_busy_until_the_limit() -> None:
    kept = item(1, preferred="last", hold_until=SOON)
    other, busy = agent("other", 1), agent("last", 0, 1)
    assert match([kept], AgentPool([other, busy]), NOW, AGAIN) == []
    assert match([kept], AgentPool([other, busy]), SOON, AGAIN) == [(UUID(int=1), "other")]
    assert match([kept], AgentPool([other]), NOW, AGAIN) == [(UUID(int=1), "other")]
    assert match([kept], AgentPool([other, agent("last", 1)]), NOW, AGAIN) == [(UUID(int=1), "last")]
    assert match([kept._replace(refused={"last": NOW})], AgentPool([other, busy]), NOW, AGAIN) == [
        (UUID(int=1), "other")
    ]


def test_an_agent_pulls_refused_work_last_and_never_work_held_for_another_agent() -> None:
    items = [item(1, refused={"me": NOW}), item(2), item(3, preferred="you", hold_until=SOON), item(4, 3)]
    assert [one.int for one in suitable(items, agent("me", 2, 1), NOW)] == [2, 1]


def test_the_last_agent_is_preferred_only_within_the_set_time() -> None:
    assert LastAgent().of("a", NOW - timedelta(days=900), NOW) == "a"
    policy = LastAgent.model_validate({"for": "3d"})
    assert policy.of("a", NOW - timedelta(days=3), NOW) == "a"
    assert policy.of("a", NOW - timedelta(days=3, seconds=1), NOW) is None


units = st.integers(1, 8) | st.just(WHOLE)


@given(st.lists(units, max_size=12), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=5))
def test_units_never_exceed_capacity_and_no_agent_is_idle_beside_work_that_fits(
    sizes: list[int], capacities: list[tuple[int, int]]
) -> None:
    items = [item(number, size) for number, size in enumerate(sizes)]
    agents = [agent(f"a{n}", max(0, a - b), b) for n, (a, b) in enumerate(capacities)]
    pairs = match(items, AgentPool(agents), NOW, AGAIN)
    by_id = {one.work_item_id: one for one in items}
    given_out = dict(pairs)
    for one in agents:
        used = sum(units_taken(by_id[i], one) for i, name in pairs if name == one.agent_id)
        assert used <= one.free
        left = one._replace(free=one.free - used, load=one.load + used)
        assert not any(why_not(i, left) is None for i in items if i.work_item_id not in given_out)
