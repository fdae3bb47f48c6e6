"""Reading the organisation's file: its faults and their places."""

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("      name: City of Banksia\n", '      name: "City\\0"\n', "channels.email.0.name"),
        ("  name: City of Banksia\n", '  name: "City\\e[2J"\n', "organisation.name"),
        ("  domain: banksia.example", '  domain: "banksia.example\\r"', "organisation.domain"),
        ("skills:", 'skills:\n  "a\\x00b": A', "skills.a\ufffdb"),
        ("skills:", 'skills:\n  letters: "\\ud800"', "skills.letters"),
        ("  negative: [", '  negative: ["\\x01", ', "tone.negative.0"),
    ],
)
def test_a_character_that_can_not_be_kept_is_a_fault_at_its_place(before: str, after: str, path: str) -> None:
    source = EXAMPLE.read_text()
    assert before in source
    with pytest.raises(ConfigurationError) as refused:
        Document(source.replace(before, after, 1)).read(Organisation)
    changed = source[: source.index(before)].count("\n") + 1 + after.count("\n") - after.endswith("\n")
    assert (changed, path) in {(fault.line, fault.path) for fault in refused.value.faults}


@pytest.mark.parametrize("section", ["email", "social"])
def test_a_name_from_which_answers_come_is_on_one_line(section: str) -> None:
    data = Document(EXAMPLE.read_text()).data
    data["channels"][section][0]["name"] = "City\nBcc: all@banksia.example"
    with pytest.raises(ValidationError) as refused:
        Organisation.model_validate(data)
    assert [error["loc"] for error in refused.value.errors()] == [("channels", section, 0, "name")]


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
