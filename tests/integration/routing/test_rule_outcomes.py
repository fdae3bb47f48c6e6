"""Outcomes that rules add to work, on a real PostgreSQL: labels, preferred skills and preferred agents."""

import json
from typing import Any

import yaml

from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.routing.harness import Harness, opened


def organisation_with(*rules: dict[str, Any]) -> str:
    """The example organisation with only these rules."""
    document = yaml.safe_load(EXAMPLE.read_text())
    named = [{"name": f"r{n}", "when": "true"} | rule for n, rule in enumerate(rules)]
    return yaml.safe_dump(document | {"rules": named}, sort_keys=False)


async def harness_with(new_database: NewDatabase, *rules: dict[str, Any]) -> Harness:
    harness = Harness(await new_database("routing"))
    async with harness.engine.begin() as tx:
        await harness.configurations.load(tx, organisation_with(*rules), "test.yaml", "test", harness.now)
    return harness


async def test_labels_of_all_matching_rules_stay_on_the_work_and_are_published(
    new_database: NewDatabase,
) -> None:
    harness = await harness_with(
        new_database,
        {"go_on": True, "then": {"labels": ["permits"]}},
        {"then": {"queue": "planning", "labels": ["first"]}},
    )
    await harness.apply(opened(1, harness.now))
    (work,) = await harness.rows("select labels, queue from work_item")
    assert (work.labels, work.queue) == (["permits", "first"], "planning")
    (event,) = await harness.rows("select value from outbox where headers like '%work.queued.v1%'")
    assert json.loads(bytes(event.value))["work"]["labels"] == ["permits", "first"]
    (decision,) = await harness.rows("select rule, reason from decision")
    assert (decision.rule, decision.reason) == ("r1", "first rule that holds: true; also 'r0', which went on")


async def test_a_preferred_agent_is_offered_work_first_and_others_when_they_are_away(
    new_database: NewDatabase,
) -> None:
    harness = await harness_with(new_database, {"then": {"queue": "planning", "prefer_agent": "farid"}})
    await harness.present("elena")
    await harness.apply(opened(1, harness.now))
    await harness.assign()
    assert list(await harness.pending()) == ["elena"]
    await harness.present("farid")
    await harness.apply(opened(2, harness.now))
    await harness.assign()
    assert {agent: len(offers) for agent, offers in (await harness.pending()).items()} == {
        "elena": 1,
        "farid": 1,
    }


async def test_an_agent_with_preferred_skills_is_offered_work_although_others_hold_less(
    new_database: NewDatabase,
) -> None:
    harness = await harness_with(new_database, {"then": {"queue": "planning", "prefer_skills": {"phone": 5}}})
    await harness.present("elena")
    await harness.present("farid")
    for number in (1, 2, 3, 4):
        await harness.apply(opened(number, harness.now))
        await harness.assign()
    # Farid has the skill and a capacity of 3; the fourth item does not wait for him.
    assert {agent: len(offers) for agent, offers in (await harness.pending()).items()} == {
        "elena": 1,
        "farid": 3,
    }
