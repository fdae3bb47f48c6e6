"""The published JSON Schema takes what the check of a configuration takes, as far as a schema can say it."""

import json
from copy import deepcopy
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator, meta

from deploy.site import EXAMPLE
from routing.domain.configuration.document import read
from routing.domain.configuration.schema import json_schema

# YAML reads dates, JSON has texts.
DOCUMENT: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(EXAMPLE.read_text()), default=str))


def schema_takes(document: dict[str, Any]) -> bool:
    return Draft202012Validator(json_schema(), validate_formats=True).is_valid(document)


def test_the_schema_is_one_and_takes_the_example_organisation() -> None:
    meta.validate(json_schema())
    assert schema_takes(DOCUMENT)


@pytest.mark.parametrize("duration", ["30s", "15m", "4h", "1d", " 1 h "])
def test_durations_are_taken_as_people_write_them(duration: str) -> None:
    document = deepcopy(DOCUMENT)
    document["queues"]["rates"]["offer_timeout"] = duration
    assert schema_takes(document)
    read(yaml.safe_dump(document, sort_keys=False))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("queues", "rates", "offer_timeout"), "PT30S"),
        (("queues", "rates", "unknown"), 1),
        (("organisation", "region"), "Australia"),
        (("rules",), {}),
        (("unknown",), {}),
    ],
)
def test_a_wrong_form_is_refused(path: tuple[str, ...], value: object) -> None:
    document = deepcopy(DOCUMENT)
    *parents, last = path
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    assert not schema_takes(document)


def test_defaults_of_durations_are_written_as_people_write_them() -> None:
    assert json_schema()["$defs"]["Queue"]["properties"]["offer_timeout"]["default"] == "30s"


def test_each_field_of_the_schema_has_a_description() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    fields = {
        f"{name}.{field}": found
        for name, definition in {"": schema, **definitions}.items()
        for field, found in definition.get("properties", {}).items()
    }
    # A field without a description of its own has the one of the section that it refers to.
    described = {
        name: found | definitions.get(found.get("$ref", "").rpartition("/")[2], {})
        for name, found in fields.items()
    }
    assert [name for name, found in described.items() if "description" not in found] == []
