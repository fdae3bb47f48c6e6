import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.site import EXAMPLE
from routing.domain.configuration.difference import differences
from routing.domain.configuration.document import Configuration, shape

COUNCIL = EXAMPLE.read_text()
PARTS: dict[str, Any] = yaml.safe_load(COUNCIL)
EXAMPLE_READ = shape(COUNCIL)


def changed(old: str, new: str) -> Configuration:
    assert old in COUNCIL
    return shape(COUNCIL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,", ["rule 'Rates': priority 40 → 60"]),
        ("skills: { planning: 9 }", "skills: { planning: 7 }", ["person elena: skill planning 9 → 7"]),
        (
            "first_response: { within: 15m,", "first_response: { within: 10m,",
            ["SLA policy social: first response within 15m → 10m"],
        ),
        ("within: 15m", "within: 900s", []),
        (
            "then: { queue: planning, priority: 40, skills: { planning: 3 } }", "then: { queue: planning, priority: 40 }",
            ["rule 'Planning': skill planning removed"],
        ),
        (
            'when: case.department == "planning"', 'when: case.department != "planning"',
            ["rule 'Planning': condition 'case.department == \"planning\"' → 'case.department != \"planning\"'"],
        ),
        ("queues: [rates, front-desk]", "queues: [rates, roads]", ["person bruno: queues without front-desk", "person bruno: queues also roads"]),
        (
            "people:\n", "capacity_profiles:\n  - { id: total, name: All, most: 5 }\npeople:\n",
            ["capacity profile 'total' added as 1st"],
        ),
        ("capacity: 2", "capacity: 2, profiles: { total: 4 }", ["person elena: profile total 4 added"]),
        ("capacity: 2", "capacity: 4", ["person elena: capacity 2 → 4"]),
        (
            "queues: [rates, front-desk]",
            "queues: [{ queue: rates, until: 2027-01-04 }, { queue: roads, from: 2027-01-04 }, front-desk]",
            ["person bruno: queues without rates", "person bruno: queues also rates until 2027-01-04, roads from 2027-01-04"],
        ),
        (
            "capacity: 2 }", "capacity: 2, until: 2027-03-01, absences: [{ from: 2027-01-04T12:00, until: 2027-01-11 }] }",
            ["person elena: until none → 2027-03-01", "person elena: absences also from 2027-01-04 12:00 until 2027-01-11"],
        ),
        (
            "name: Maria Costa, supervises: everything", "name: Maria Costa, supervises: { departments: [roads] }",
            ["person maria: supervises departments also roads", "person maria: supervises everything yes → no"],
        ),
        ("name: Olga Novak }", "name: Olga Novak, permissions: [public-reply] }", ["person olga: permissions also public-reply"]),
        ("  - name: Everything else", "  - name: The rest", ["rule 'Everything else' is now called 'The rest'"]),
        (
            'thursday: ["08:30-12:30", "13:00-19:00"]', 'thursday: ["08:30-12:30"]',
            ["calendar 'office': hours thursday without 13:00-19:00"],
        ),
        ("date: 2026-12-24", "date: 2026-12-23", ["calendar 'office': holidays extra Christmas closing date 2026-12-24 → 2026-12-23"]),
        ("name: City of Banksia\n  domain", "name: Banksia\n  domain", ["organisation: name 'City of Banksia' → Banksia"]),
        (
            "name: Planning\n    when", "name: Planning\n    moves: true\n    first_words_only: true\n    when",
            ["rule 'Planning': moves no → yes", "rule 'Planning': first words only no → yes"],
        ),
        (
            "people:\n", "alerts: { raised_priority: 80 }\npeople:\n", ["alerts: raised priority 90 → 80"],
        ),
        ("phone: Answers and returns calls", "phone: Calls", ["skill 'phone': 'Answers and returns calls' → Calls"]),
    ],
)  # fmt: skip
def test_a_change_has_its_sentence(old: str, new: str, sentences: list[str]) -> None:
    assert differences(shape(COUNCIL), changed(old, new)) == sentences


def with_rules(order: list[int]) -> Configuration:
    return EXAMPLE_READ.model_copy(update={"rules": [EXAMPLE_READ.rules[n] for n in order]})


def test_a_moved_rule_has_a_sentence_and_the_rules_it_displaced_have_none() -> None:
    assert differences(with_rules([0, 1, 2, 3, 4, 5, 6]), with_rules([0, 1, 4, 2, 3, 5, 6])) == [
        "rule 'Roads, damage or danger first' moved from 5th to 3rd"
    ]


def test_added_and_removed_items_have_a_sentence() -> None:
    parts = {**PARTS, "queues": {k: v for k, v in PARTS["queues"].items() if k != "planning"}}
    assert differences(shape(COUNCIL), shape(yaml.safe_dump(parts, sort_keys=False))) == [
        "queue 'planning' removed"
    ]
    assert differences(with_rules([0, 2]), with_rules([0, 1, 2])) == [
        "rule 'An unhappy post is urgent' added as 2nd"
    ]


def test_another_first_queue_has_a_sentence_because_it_is_the_fallback() -> None:
    queues = dict(reversed(PARTS["queues"].items()))
    (sentence,) = differences(
        shape(COUNCIL), shape(yaml.safe_dump({**PARTS, "queues": queues}, sort_keys=False))
    )
    assert sentence == "first queue, where what no rule catches waits: rates → social-care"


@given(st.permutations(range(7)))
def test_a_new_order_is_described_by_the_fewest_moves(order: list[int]) -> None:
    sentences = differences(with_rules(list(range(7))), with_rules(order))
    rising = max(
        sum(bits)
        for bits in ([n >> place & 1 for place in range(7)] for n in range(128))
        if (kept := [order[place] for place in range(7) if bits[place]]) == sorted(kept)
    )
    assert len(sentences) == 7 - rising
    assert all("moved from" in line for line in sentences)


@given(st.integers(0, 2**32))
def test_configurations_have_differences_exactly_when_they_are_not_equal(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    parts = copy.deepcopy(PARTS)
    _spoil(parts, chance)
    after = Configuration.model_validate(parts)
    assert bool(differences(EXAMPLE_READ, after)) == (after != EXAMPLE_READ)
    assert differences(after, after) == []


def _spoil(parts: dict[str, Any], chance: random.Random) -> None:
    """One change somewhere, or none."""
    rule, agent = chance.choice(parts["rules"]), chance.choice(parts["people"])
    queue = chance.choice(list(parts["queues"].values()))
    spoils: list[Callable[[], Any]] = [
        lambda: rule["then"].update(priority=chance.choice([30, 40, 50])),
        lambda: rule["then"].update(skills={"phone": 3}),
        lambda: rule.update(when="false"),
        lambda: agent.setdefault("skills", {}).update(phone=chance.randint(1, 10)),
        lambda: agent.update(capacity=chance.choice([2, 3])),
        lambda: agent.setdefault("queues", []).append("roads"),
        lambda: agent.setdefault("queues", []).append({"queue": "roads", "from": "2027-01-04"}),
        lambda: agent.setdefault("queues", []).reverse(),
        lambda: agent.update(absences=[{"from": "2027-01-04", "until": "2027-01-11T08:30"}]),
        lambda: agent.update({"until": "2027-03-01"}),
        lambda: agent.update(supervises=chance.choice(["everything", {"queues": ["roads"]}])),
        lambda: queue.update(offer_timeout="30s"),
        lambda: chance.shuffle(parts["people"]),
        lambda: parts["departments"].pop("roads"),
        lambda: parts["tone"]["negative"].append("bad"),
        parts["channels"]["email"].pop,
        lambda: parts["channels"]["email"][0].update(name="Council"),
        lambda: None,
    ]
    chance.choice(spoils)()
