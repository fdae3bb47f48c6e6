"""Reading the organisation's file: its faults and their places."""

import pytest

from antiphon.organisation.document import ConfigurationError, Document
from antiphon.organisation.organisation import Organisation
from deploy.site import EXAMPLE


def test_every_fault_of_a_document_is_reported_with_its_line() -> None:
    source = EXAMPLE.read_text().replace("region: AU", "region: Australia").replace("domain: ", "domian: ")
    with pytest.raises(ConfigurationError) as refused:
        Document(source, "council.yaml").read(Organisation)
    lines = source.split("\n")
    reported = {fault.line for fault in refused.value.faults}
    assert next(n for n, line in enumerate(lines, 1) if "region:" in line) in reported
    assert next(n for n, line in enumerate(lines, 1) if "domian:" in line) in reported


@pytest.mark.parametrize(
    "source", ["a: [1", "- just\n- a list", "", "a: !!python/object:os.system {}", "\t- x"]
)
def test_a_document_that_is_no_mapping_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Document(source, "x.yaml")
    assert str(refused.value).startswith("x.yaml:")


def test_an_organisation_is_the_same_after_it_travelled_as_json() -> None:
    data = Document(EXAMPLE.read_text()).data
    data["queues"]["rates"] |= {"units": "all", "wrap_up": "90s", "outside_hours": "hold"}
    data["queues"]["roads"]["outside_hours"] = {"overflow": "rates"}
    data["agents_policy"] = {
        "prefer_last_agent": {"for": "2d", "wait_at_most": "15m"},
        "ramp_up": {"away": "8h"},
    }
    data["people"][0] |= {
        "queues": ["rates", {"queue": "roads", "from": "2027-01-04", "until": "2027-02-01T08:30"}],
        "absences": [{"from": "2026-12-24"}],
        "supervises": "everything",
    }
    organisation = Organisation.model_validate(data)
    travelled = organisation.model_dump_json()
    assert Organisation.model_validate_json(travelled) == organisation
    assert '"for":"2d"' in travelled
    assert '"units":"all"' in travelled
    assert '"warn_at":["75%"]' in travelled
