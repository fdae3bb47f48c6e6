"""The examples of docs/guides/queues.md, run in their order."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE, PROJECT
from routing import timers
from routing.domain.configuration.document import Configuration, read
from tests.conftest import NewDatabase
from tests.support.routing.api import case, opened_api
from tests.support.routing.guides import BLOCK, Reader

GUIDE = (PROJECT / "docs" / "guides" / "queues.md").read_text()


def organisation_of_the_guide() -> str:
    """The example organisation with the sections that the guide shows."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    organisation: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    for name, section in yaml.safe_load(block).items():
        organisation[name] = organisation.get(name, {}) | section if isinstance(section, dict) else section
    return yaml.safe_dump(organisation, sort_keys=False)


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read(organisation_of_the_guide()).at(utc_now())


def test_the_queues_of_the_guide_load_and_mean_what_it_says(configuration: Configuration) -> None:
    team = {agent.id for agent in configuration.agents_by_id.values() if "social-care" in agent.queues}
    assert team == {"grace", "hugo"}
    assert configuration.fallback == "front-desk"
    assert (configuration.units("social", "social-care"), configuration.units("social", "rates")) == (2, 1)
    assert len(configuration.queues["social-care"].steps) == 3


def test_social_care_of_the_example_differs_in_every_setting_of_a_queue() -> None:
    example = read(EXAMPLE.read_text()).at(utc_now())
    own, others = (
        example.queues["social-care"],
        [q for key, q in example.queues.items() if key != "social-care"],
    )
    for setting in ("sla_policy", "members", "hours", "steps"):
        assert all(getattr(own, setting) != getattr(other, setting) for other in others), setting
    team = {agent.id for agent in example.agents_by_id.values() if "social-care" in agent.queues}
    assert team == {"grace", "hugo"}


async def test_the_requests_of_the_guide_do_what_it_says(new_database: NewDatabase, tmp_path: Path) -> None:
    async with opened_api(await new_database("routing"), tmp_path) as client:
        await client.load(organisation_of_the_guide())
        reader = Reader(client)
        blocks = 0
        for kind, content in BLOCK.findall(GUIDE):
            if "GET /work/" in content:
                await client.apply(case(1, "rates"))
                async with client.engine.begin() as tx:
                    await timers.fire(tx, client.configurations, utc_now())
                (row,) = await client.rows("select work_item_id from work_item")
                reader.variables["work_item_id"] = str(row.work_item_id)
            if kind in {"http", "json"}:
                await reader.run(kind, content)
                blocks += 1
        assert blocks == 4
