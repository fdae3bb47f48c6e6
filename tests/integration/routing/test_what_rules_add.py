"""What rules add to work, on a real PostgreSQL: labels that stay on it and are told, skills and agents that are better."""

import json
from typing import Any

import yaml

from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.integration.routing.test_offers import Desk, opened


def council(*rules: dict[str, Any]) -> str:
    document = yaml.safe_load(EXAMPLE.read_text())
    named = [{"name": f"r{n}", "when": "true"} | rule for n, rule in enumerate(rules)]
    return yaml.safe_dump(document | {"rules": named}, sort_keys=False)


async def at_work(new_database: NewDatabase, *rules: dict[str, Any]) -> Desk:
    desk = Desk(await new_database("routing"))
    async with desk.engine.begin() as tx:
        await desk.configurations.load(tx, council(*rules), "test.yaml", "test", desk.now)
    return desk


async def test_labels_of_all_rules_that_took_part_stay_on_the_work_and_are_told(
    new_database: NewDatabase,
) -> None:
    desk = await at_work(
        new_database,
        {"go_on": True, "then": {"labels": ["permits"]}},
        {"then": {"queue": "planning", "labels": ["first"]}},
    )
    await desk.hear(opened(1, desk.now))
    (work,) = await desk.rows("select labels, queue from work_item")
    assert (work.labels, work.queue) == (["permits", "first"], "planning")
    (told,) = await desk.rows("select value from outbox where headers like '%work.queued.v1%'")
    assert json.loads(bytes(told.value))["work"]["labels"] == ["permits", "first"]
    (decision,) = await desk.rows("select rule, reason from decision")
    assert (decision.rule, decision.reason) == ("r1", "first rule that holds: true; also 'r0', which went on")


async def test_a_preferred_agent_is_offered_it_first_and_others_when_they_are_away(
    new_database: NewDatabase,
) -> None:
    desk = await at_work(new_database, {"then": {"queue": "planning", "prefer_agent": "farid"}})
    await desk.present("elena")
    await desk.hear(opened(1, desk.now))
    await desk.assign()
    assert list(await desk.pending()) == ["elena"]
    await desk.present("farid")
    await desk.hear(opened(2, desk.now))
    await desk.assign()
    assert {agent: len(offers) for agent, offers in (await desk.pending()).items()} == {
        "elena": 1,
        "farid": 1,
    }


async def test_who_has_preferred_skills_is_offered_it_although_others_hold_less(
    new_database: NewDatabase,
) -> None:
    desk = await at_work(new_database, {"then": {"queue": "planning", "prefer_skills": {"phone": 5}}})
    await desk.present("elena")
    await desk.present("farid")
    for number in (1, 2, 3, 4):
        await desk.hear(opened(number, desk.now))
        await desk.assign()
    # Farid has the skill and takes three at a time; the fourth need not wait for him.
    assert {agent: len(offers) for agent, offers in (await desk.pending()).items()} == {
        "elena": 1,
        "farid": 3,
    }
