"""Configurations that people write are read beside the event loop."""

import asyncio

import pytest

from antiphon.organisation.document import ConfigurationError
from routing.configuration.rule_checker import RuleChecker
from tests.support.routing.api import COUNCIL

RULE = """  - name: "Another {number}"
    when: case.department == "planning" && interaction.text.contains("{number}")
    then: {{ queue: planing }}
"""


async def test_the_event_loop_goes_on_while_a_large_draft_is_read() -> None:
    before, heading, after = COUNCIL.partition("\nrules:\n")
    rules = "".join(RULE.format(number=number) for number in range(200))
    reading = asyncio.create_task(RuleChecker().faults(before + heading + rules + after))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await reading) == 200
    # Read on the loop it would be a few turns, however large the draft is.
    assert turns > 100


async def test_faults_of_a_draft_are_read_and_raised_in_the_thread() -> None:
    with pytest.raises(ConfigurationError, match="planing"):
        await RuleChecker().read(COUNCIL.replace("queue: planning", "queue: planing"), "draft")
