from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.matching import Candidate, Waiting, match, urgency, why_not

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AGAIN = timedelta(seconds=60)


def item(number: int, *, due: int | None = 60, priority: int = 50, waited: int = 0, queue: str = "rates",
         needs: dict[str, int] | None = None, refused: dict[str, datetime] | None = None, preferred: str | None = None) -> Waiting:  # fmt: skip
    due_at = None if due is None else NOW + timedelta(minutes=due)
    return Waiting(
        UUID(int=number),
        queue,
        needs or {},
        due_at,
        priority,
        NOW - timedelta(minutes=waited),
        refused or {},
        preferred,
    )


def agent(name: str, *, free: int = 1, load: int = 0, skills: dict[str, int] | None = None, idle: int = 0,
          queues: frozenset[str] = frozenset({"rates"})) -> Candidate:  # fmt: skip
    return Candidate(name, queues, skills or {}, free, load, NOW - timedelta(minutes=idle))


def test_due_soonest_first_then_priority_then_who_waited_longest() -> None:
    items = [
        item(1, due=None),
        item(2, due=90),
        item(3, due=60),
        item(4, due=60, priority=80),
        item(5, due=60, waited=9),
    ]
    assert [i.work_item_id.int for i in sorted(items, key=urgency)] == [4, 5, 3, 2, 1]


def test_nobody_gets_more_than_they_have_free() -> None:
    pairs = match([item(n) for n in range(5)], [agent("a", free=2), agent("b", free=1)], NOW, AGAIN)
    assert len(pairs) == 3
    assert [name for _, name in pairs].count("a") == 2


def test_skills_and_queue_decide_who_can() -> None:
    able = agent("able", skills={"rates": 5})
    assert why_not(item(1, needs={"rates": 5}), able) is None
    assert why_not(item(1, needs={"rates": 6}), able) == "lacks rates 6"
    assert why_not(item(1, queue="roads"), able) == "not in this queue"
    assert why_not(item(1), able._replace(free=0)) == "no capacity"


def test_the_least_loaded_then_the_best_then_the_longest_idle_is_chosen_and_the_last_agent_before_all() -> (
    None
):
    agents = [agent("busy", load=2), agent("good", skills={"x": 9}), agent("idle", skills={"x": 3}, idle=30)]
    assert match([item(1, needs={"x": 1})], agents, NOW, AGAIN)[0][1] == "good"
    assert match([item(1)], [agent("late", idle=1), agent("early", idle=5)], NOW, AGAIN)[0][1] == "early"
    assert match([item(1, preferred="busy")], agents, NOW, AGAIN)[0][1] == "busy"


def test_who_declined_is_not_asked_while_another_can_and_only_after_a_pause_when_nobody_can() -> None:
    declined = {"a": NOW - timedelta(seconds=10)}
    both = [agent("a"), agent("b")]
    assert match([item(1, refused=declined)], both, NOW, AGAIN) == [(UUID(int=1), "b")]
    assert match([item(1, refused=declined)], [agent("a"), agent("b", free=0)], NOW, AGAIN) == []
    assert match([item(1, refused=declined)], [agent("a")], NOW, AGAIN) == []
    assert match([item(1, refused=declined)], [agent("a")], NOW + AGAIN, AGAIN) == [(UUID(int=1), "a")]


agents_strategy = st.lists(
    st.builds(agent, st.uuids().map(str), free=st.integers(0, 3), skills=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 10))),
    max_size=6,
)  # fmt: skip
items_strategy = st.lists(
    st.builds(item, st.integers(1, 10**6), due=st.none() | st.integers(-60, 600), priority=st.integers(0, 100),
              needs=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 10), max_size=2)),
    max_size=12, unique_by=lambda i: i.work_item_id,
)  # fmt: skip


@given(items_strategy, agents_strategy)
def test_no_item_twice_no_agent_beyond_capacity_and_nobody_idle_beside_work_they_can_do(
    items: list[Waiting], agents: list[Candidate]
) -> None:
    pairs = match(items, agents, NOW, AGAIN)
    given_out = dict(pairs)
    assert len(given_out) == len(pairs)
    taken = [name for _, name in pairs]
    for one in agents:
        assert taken.count(one.agent_id) <= max(one.free, 0)
        left = one._replace(free=one.free - taken.count(one.agent_id))
        waiting = [i for i in items if i.work_item_id not in given_out]
        assert not any(why_not(i, left) is None for i in waiting)


def test_who_has_the_preferred_skills_goes_before_the_least_loaded_and_who_lacks_them_may_still_take_it() -> (
    None
):
    wanted = item(1)._replace(prefers={"phone": 3})
    able, idle = agent("able", load=2, skills={"phone": 3}), agent("idle", skills={"phone": 2})
    assert match([wanted], [idle, able], NOW, AGAIN) == [(UUID(int=1), "able")]
    assert match([wanted], [idle, able._replace(free=0)], NOW, AGAIN) == [(UUID(int=1), "idle")]
