from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from antiphon.organisation.queue import HEAD_START, LONGEST_WAIT
from routing.domain.matching.agent_selection import AgentPool, match
from routing.domain.matching.eligibility import (
    Candidate,
    Lack,
    Obstacle,
    ProfileLoad,
    Waiting,
    WhyNot,
    missing_skills,
    units_taken,
    urgency,
    why_not,
)
from routing.domain.matching.queue_order import order_at

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AGAIN = timedelta(seconds=60)


def holding(agent: Candidate, item: Waiting) -> Candidate:
    """The agent once they have the item."""
    units = units_taken(item, agent)
    profile_loads = {
        profile: load._replace(used=load.used + 1) if profile in item.profiles else load
        for profile, load in agent.profile_loads.items()
    }
    return agent._replace(
        free=agent.free - units, load=agent.load + units, zero_unit=agent.zero_unit + (not item.units),
        offers=agent.offers - 1, profile_loads=profile_loads,
    )  # fmt: skip


def item(number: int, *, due: int | None = 60, priority: int = 50, waited: int = 0, queue: str = "rates",
         needs: dict[str, int] | None = None, refused: dict[str, datetime] | None = None, preferred: str | None = None) -> Waiting:  # fmt: skip
    due_at = None if due is None else NOW + timedelta(minutes=due)
    queued_at = NOW - timedelta(minutes=waited)
    place = order_at(queued_at, due_at, priority, LONGEST_WAIT, HEAD_START)
    return Waiting(UUID(int=number), queue, needs or {}, place, queued_at, refused or {}, preferred)


def agent(name: str, *, free: int = 1, load: int = 0, skills: dict[str, int] | None = None, idle: int = 0,
          queues: frozenset[str] = frozenset({"rates"})) -> Candidate:  # fmt: skip
    return Candidate(name, queues, skills or {}, free, load, NOW - timedelta(minutes=idle))


def test_items_are_ordered_by_due_time_less_priority_then_by_the_longest_wait() -> None:
    items = [
        item(1, due=None),
        item(2, due=90),
        item(3, due=60),
        item(4, due=70, priority=61),
        item(5, due=60, waited=9),
        item(6, due=70, priority=59),
    ]
    assert [i.work_item_id.int for i in sorted(items, key=urgency)] == [4, 5, 3, 6, 2, 1]


def test_no_agent_gets_more_than_their_free_units() -> None:
    pairs = match(
        [item(n) for n in range(5)], AgentPool([agent("a", free=2), agent("b", free=1)]), NOW, AGAIN
    )
    assert len(pairs) == 3
    assert [name for _, name in pairs].count("a") == 2


def test_queue_skills_and_capacity_decide_whether_an_agent_can_take_an_item() -> None:
    able = agent("able", skills={"rates": 5})
    assert why_not(item(1, needs={"rates": 5}), able) is None
    assert why_not(item(1, needs={"rates": 6}), able) == Obstacle(WhyNot.SKILLS, lacks=(Lack("rates", 6),))
    assert why_not(item(1, queue="roads"), able) == Obstacle(WhyNot.OTHER_QUEUE)
    assert why_not(item(1), able._replace(free=0)) == Obstacle(WhyNot.CAPACITY)


def test_the_preferred_agent_is_first_then_least_load_then_level_then_idle_time() -> None:
    agents = [agent("busy", load=2), agent("good", skills={"x": 9}), agent("idle", skills={"x": 3}, idle=30)]
    assert match([item(1, needs={"x": 1})], AgentPool(agents), NOW, AGAIN)[0][1] == "good"
    assert (
        match([item(1)], AgentPool([agent("late", idle=1), agent("early", idle=5)]), NOW, AGAIN)[0][1]
        == "early"
    )
    assert match([item(1, preferred="busy")], AgentPool(agents), NOW, AGAIN)[0][1] == "busy"


def test_an_agent_who_refused_waits_for_others_and_else_is_asked_again_after_a_pause() -> None:
    declined = {"a": NOW - timedelta(seconds=10)}
    both = [agent("a"), agent("b")]
    assert match([item(1, refused=declined)], AgentPool(both), NOW, AGAIN) == [(UUID(int=1), "b")]
    assert match([item(1, refused=declined)], AgentPool([agent("a"), agent("b", free=0)]), NOW, AGAIN) == []
    assert match([item(1, refused=declined)], AgentPool([agent("a")]), NOW, AGAIN) == []
    assert match([item(1, refused=declined)], AgentPool([agent("a")]), NOW + AGAIN, AGAIN) == [
        (UUID(int=1), "a")
    ]


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
def test_no_item_twice_no_agent_over_capacity_no_idle_agent_beside_work_they_can_do(
    items: list[Waiting], agents: list[Candidate]
) -> None:
    pairs = match(items, AgentPool(agents), NOW, AGAIN)
    given_out = dict(pairs)
    assert len(given_out) == len(pairs)
    taken = [name for _, name in pairs]
    for one in agents:
        assert taken.count(one.agent_id) <= max(one.free, 0)
        left = one._replace(free=one.free - taken.count(one.agent_id))
        waiting = [i for i in items if i.work_item_id not in given_out]
        assert not any(why_not(i, left) is None for i in waiting)


def test_preferred_skills_count_more_than_load_and_are_not_required() -> None:
    wanted = item(1)._replace(prefers={"phone": 3})
    able, idle = agent("able", load=2, skills={"phone": 3}), agent("idle", skills={"phone": 2})
    assert match([wanted], AgentPool([idle, able]), NOW, AGAIN) == [(UUID(int=1), "able")]
    assert match([wanted], AgentPool([idle, able._replace(free=0)]), NOW, AGAIN) == [(UUID(int=1), "idle")]


def _by_looking_at_everybody(
    items: list[Waiting], agents: list[Candidate], now: datetime, again_after: timedelta
) -> list[tuple[UUID, str]]:
    """The oracle of `AgentPool.best`: compares each item with each agent."""
    now_are = {agent.agent_id: agent for agent in agents}
    pairs: list[tuple[UUID, str]] = []
    for one in sorted(items, key=urgency):
        suited = [a for a in agents if one.queue in a.queues and not missing_skills(one, a)]
        able = [a for a in suited if why_not(one, now_are[a.agent_id]) is None]
        fresh = [a for a in able if a.agent_id not in one.refused]
        others = any(a.agent_id not in one.refused for a in suited)
        again = [] if others else [a for a in able if now - one.refused.get(a.agent_id, now) >= again_after]
        held = one.hold_until is not None and one.hold_until > now and one.preferred not in one.refused
        if held and any(a.agent_id == one.preferred and a not in able for a in suited):
            continue
        if chosen := fresh or again:
            ranks = [
                (
                    a.agent_id != one.preferred,
                    sum(a.skills.get(skill, 0) < level for skill, level in one.prefers.items()),
                    _holds(now_are[a.agent_id], one),
                    -sum(a.skills.get(skill, 0) for skill in one.needs),
                    a.idle_since,
                    a.agent_id,
                )
                for a in chosen
            ]
            best = next(a for a in chosen if a.agent_id == min(ranks)[-1])
            pairs.append((one.work_item_id, best.agent_id))
            now_are[best.agent_id] = holding(now_are[best.agent_id], one)
    return pairs


def _holds(agent: Candidate, one: Waiting) -> tuple[int, int]:
    """The agent's load of the item's sort (with units or without), then of the other sort."""
    return (agent.load, agent.zero_unit) if one.units else (agent.zero_unit, agent.load)


_NAMES = ["a", "b", "c", "d"]
_SKILLS = st.dictionaries(st.sampled_from("xyz"), st.integers(1, 3), max_size=2)
_PROFILE_LOADS = st.dictionaries(
    st.sampled_from(["high", "total"]),
    st.builds(ProfileLoad, st.just("P"), st.integers(0, 3), st.integers(0, 3)),
)
_PROFILES = st.sampled_from([(), ("total",), ("high", "total")])
_PEOPLE = st.lists(
    st.builds(
        agent, st.sampled_from(_NAMES), free=st.integers(-1, 4), load=st.integers(0, 3), idle=st.integers(0, 3), skills=_SKILLS,
        queues=st.frozensets(st.sampled_from(["rates", "roads"]), min_size=1),
    ),
    max_size=4, unique_by=lambda a: a.agent_id,
)  # fmt: skip


def _with(
    one: Waiting, prefers: dict[str, int], units: int, hold_until: datetime | None, profiles: tuple[str, ...]
) -> Waiting:
    return one._replace(prefers=prefers, units=units, hold_until=hold_until, profiles=profiles)


def _limited(
    people: list[Candidate], profile_loads: list[dict[str, int]], zero_unit: list[int]
) -> list[Candidate]:
    return [
        one._replace(profile_loads=loads, zero_unit=held)
        for one, loads, held in zip(people, profile_loads, zero_unit, strict=False)
    ]


_LIMITED = st.builds(
    _limited, _PEOPLE, st.lists(_PROFILE_LOADS, min_size=4, max_size=4), st.lists(st.integers(0, 2), min_size=4, max_size=4),
)  # fmt: skip

_WORK = st.lists(
    st.builds(
        _with,
        st.builds(
            item, st.integers(1, 10**6), due=st.integers(-9, 9), queue=st.sampled_from(["rates", "roads"]), needs=_SKILLS,
            preferred=st.none() | st.sampled_from(_NAMES),
            refused=st.dictionaries(st.sampled_from(_NAMES), st.sampled_from([NOW, NOW - AGAIN]), max_size=4),
        ),
        prefers=_SKILLS, units=st.integers(0, 5), hold_until=st.sampled_from([None, NOW, NOW + AGAIN]), profiles=_PROFILES,
    ),
    max_size=10, unique_by=lambda i: i.work_item_id,
)  # fmt: skip


@given(_WORK, _LIMITED)
def test_the_best_agent_equals_that_of_a_search_through_all_agents(
    items: list[Waiting], agents: list[Candidate]
) -> None:
    pool, pairs = AgentPool(agents), list[tuple[UUID, str]]()
    for one in sorted(items, key=urgency):
        if (best := pool.best(one, NOW, AGAIN)) is not None:
            pool.give(one, best)
            pairs.append((one.work_item_id, best.agent_id))
    assert pairs == _by_looking_at_everybody(items, agents, NOW, AGAIN)
    assert {item_id for item_id, _ in pairs} <= dict(match(items, AgentPool(agents), NOW, AGAIN)).keys()


def test_an_agent_hands_common_work_on_and_takes_the_work_that_only_they_can_do() -> None:
    common, rare = item(1, waited=9), item(2, needs={"welsh": 5})
    both, one = agent("both", skills={"welsh": 7}, idle=9), agent("one")
    assert match([common, rare], AgentPool([both, one]), NOW, AGAIN) == [
        (UUID(int=1), "one"),
        (UUID(int=2), "both"),
    ]


def test_a_less_urgent_item_does_not_take_capacity_that_handing_on_frees() -> None:
    common, rare, late = item(1, waited=9), item(2, waited=5, needs={"welsh": 5}), item(3)
    both, one = agent("both", skills={"welsh": 7}, idle=9), agent("one")
    assert dict(match([common, rare, late], AgentPool([both, one]), NOW, AGAIN)) == {
        UUID(int=1): "one",
        UUID(int=2): "both",
    }


def test_work_stays_with_its_preferred_agent_and_moves_only_to_an_agent_as_suitable() -> None:
    rare, both, one = item(2, needs={"welsh": 5}), agent("both", skills={"welsh": 7}, idle=9), agent("one")
    for common in (
        item(1, waited=9, preferred="both"),
        item(1, waited=9)._replace(prefers={"welsh": 1}),
        item(1, waited=9, refused={"one": NOW}),
    ):
        assert match([common, rare], AgentPool([both, one]), NOW, AGAIN) == [(UUID(int=1), "both")]


def test_an_item_held_for_its_preferred_agent_moves_no_other_item() -> None:
    common, rare = item(1, waited=9), item(2, needs={"welsh": 5}, preferred="busy")
    people = [
        agent("both", skills={"welsh": 7}, idle=9),
        agent("one"),
        agent("busy", free=0, skills={"welsh": 9}),
    ]
    held = rare._replace(hold_until=NOW + AGAIN)
    assert match([common, held], AgentPool(people), NOW, AGAIN) == [(UUID(int=1), "both")]
    assert len(match([common, rare], AgentPool(people), NOW, AGAIN)) == 2


def _most(items: list[Waiting], agents: list[Candidate]) -> set[UUID]:
    """The oracle: the most urgent set of items that can all be served, by augmenting paths."""
    having: dict[str, list[Waiting]] = {agent.agent_id: [] for agent in agents}

    def served(one: Waiting, seen: set[str]) -> bool:
        for a in agents:
            if a.agent_id in seen or one.queue not in a.queues or missing_skills(one, a) or a.free <= 0:
                continue
            seen.add(a.agent_id)
            has = having[a.agent_id]
            if len(has) < a.free:
                has.append(one)
                return True
            for place, other in enumerate(has):
                if served(other, seen):
                    has[place] = one
                    return True
        return False

    return {one.work_item_id for one in sorted(items, key=urgency) if served(one, set())}


_PLAIN = st.lists(
    st.builds(item, st.integers(1, 10**6), due=st.integers(-9, 9), queue=st.sampled_from(["rates", "roads"]), needs=_SKILLS),
    max_size=10, unique_by=lambda i: i.work_item_id,
)  # fmt: skip


@given(_PLAIN, _PEOPLE)
def test_the_matched_items_are_the_most_urgent_set_that_can_all_be_served(
    items: list[Waiting], agents: list[Candidate]
) -> None:
    assert dict(match(items, AgentPool(agents), NOW, AGAIN)).keys() == _most(items, agents)


@given(_WORK, _LIMITED)
def test_no_agent_exceeds_capacity_and_no_unmatched_item_fits_a_free_agent(
    items: list[Waiting], agents: list[Candidate]
) -> None:
    pairs = dict(match(items, AgentPool(agents), NOW, AGAIN))
    by_id = {one.work_item_id: one for one in items}
    left = {one.agent_id: one for one in agents}
    for item_id, agent_id in pairs.items():
        assert not missing_skills(by_id[item_id], left[agent_id])
        left[agent_id] = holding(left[agent_id], by_id[item_id])
    for one in agents:
        after = left[one.agent_id]
        assert after.free >= min(one.free, 0)
        assert after.offers >= 0
        assert all(
            load.used <= max(load.most, one.profile_loads[key].used)
            for key, load in after.profile_loads.items()
        )
    for one in items:
        if one.work_item_id not in pairs and not one.refused and one.hold_until is None:
            assert not any(why_not(one, after) is None for after in left.values())


def test_work_is_handed_on_to_an_agent_with_free_capacity_in_its_profile() -> None:
    """The agent who can do the rare item has no free capacity in its profile, and another agent can take their item."""
    urgent = [item(n, waited=9 - n)._replace(profiles=("high",)) for n in (1, 2)]
    rare = item(3, needs={"welsh": 5})._replace(profiles=("high",))
    both = agent("both", free=5, skills={"welsh": 7}, idle=9)._replace(
        profile_loads={"high": ProfileLoad("High", 0, 1)}
    )
    one = agent("one", free=5)._replace(profile_loads={"high": ProfileLoad("High", 0, 1)})
    assert dict(match([urgent[0], rare], AgentPool([both, one]), NOW, AGAIN)) == {
        UUID(int=1): "one",
        UUID(int=3): "both",
    }
    assert match([*urgent, rare], AgentPool([both, one]), NOW, AGAIN) == [
        (UUID(int=1), "both"),
        (UUID(int=2), "one"),
    ]
    plain = item(4, waited=20)
    assert match([plain, urgent[0], rare], AgentPool([both]), NOW, AGAIN) == [
        (UUID(int=4), "both"),
        (UUID(int=1), "both"),
    ]


def test_an_agent_who_can_not_take_the_item_takes_another_that_frees_capacity_for_it() -> None:
    """The path to the free agent exists for the item that moves, and not for the urgent one."""
    given_first = item(1, waited=9)
    urgent = item(2, needs={"welsh": 5})._replace(profiles=("high",))
    both = agent("both", skills={"welsh": 7}, idle=9)
    other = agent("other", skills={"welsh": 7})._replace(profile_loads={"high": ProfileLoad("High", 1, 1)})
    assert dict(match([given_first, urgent], AgentPool([both, other]), NOW, AGAIN)) == {
        UUID(int=1): "other",
        UUID(int=2): "both",
    }


def test_zero_unit_work_is_spread_by_its_own_count_and_skips_full_profiles() -> None:
    mails = [item(n, waited=9 - n)._replace(units=0, profiles=("written",)) for n in (1, 2, 3)]
    full_up = agent("full", free=0, load=3)._replace(
        profile_loads={"written": ProfileLoad("Written", 1, 2)}, zero_unit=1
    )
    over = agent("over", free=-1, load=4)._replace(profile_loads={"written": ProfileLoad("Written", 0, 3)})
    assert [who for _, who in match(mails, AgentPool([full_up, over]), NOW, AGAIN)] == [
        "over",
        "full",
        "over",
    ]
    assert why_not(mails[0], full_up._replace(profile_loads={"written": ProfileLoad("Written", 2, 2)})) == (
        Obstacle(WhyNot.PROFILES, full=(ProfileLoad("Written", 2, 2),))
    )
    assert match(mails, AgentPool([over._replace(offers=0)]), NOW, AGAIN) == []


@given(_WORK, _LIMITED, st.randoms())
def test_the_match_does_not_depend_on_the_order_of_work_and_agents(
    items: list[Waiting], agents: list[Candidate], chance: Random
) -> None:
    others, people = list(items), list(agents)
    chance.shuffle(others)
    chance.shuffle(people)
    assert match(others, AgentPool(people), NOW, AGAIN) == match(items, AgentPool(agents), NOW, AGAIN)
