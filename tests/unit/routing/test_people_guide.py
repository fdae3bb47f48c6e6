"""The guide to people: its example is loaded, and means what the guide says."""

from datetime import datetime
from typing import Any

import pytest
import yaml

from antiphon.organisation.person import departments_of
from deploy.site import EXAMPLE, PROJECT
from routing.domain.configuration.document import Configuration, read

GUIDE = (PROJECT / "docs" / "guides" / "people.md").read_text()


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    organisation: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    organisation |= yaml.safe_load(GUIDE.split("```yaml\n")[1].split("```")[0])
    return read(yaml.safe_dump(organisation, sort_keys=False))


@pytest.mark.parametrize(
    ("person", "at", "queues", "departments", "away"),
    [
        ("ines", "2027-01-03T23:59", None, [], None),
        ("ines", "2027-01-04T00:00", ["rates"], ["rates"], None),
        ("ines", "2027-07-01T00:00", None, [], None),
        ("bruno", "2027-01-31T23:59", ["rates", "front-desk"], ["rates"], None),
        ("bruno", "2027-02-01T00:00", ["roads", "front-desk"], ["roads"], None),
        ("bruno", "2027-01-20T10:00", ["rates", "front-desk"], ["rates"], "absent until 2027-01-25 00:00"),
        ("bruno", "2027-03-05T11:59", ["roads", "front-desk"], ["roads"], None),
        ("bruno", "2027-03-05T12:00", ["roads", "front-desk"], ["roads"], "absent until 2027-03-06 00:00"),
        ("elena", "2027-01-04T12:45", ["planning"], ["planning"], "outside the shift until 2027-01-04 13:00"),
        ("rosa", "2027-01-04T12:45", None, [], None),
    ],
)
def test_the_people_of_the_guide_work_where_and_when_it_says(
    configuration: Configuration,
    person: str,
    at: str,
    queues: list[str] | None,
    departments: list[str],
    away: str | None,
) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=configuration.zone)
    agent = configuration.at(now).agents_by_id.get(person)
    assert (agent and agent.queues) == queues
    assert departments_of(configuration.people_by_id[person], configuration, now) == departments
    assert (agent and agent.away and agent.away.because) == away
