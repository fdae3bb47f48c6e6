"""Every example, schema and document of the contracts agrees with the models and with the released schemas."""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings import kafka as sdk
from jsonschema_rs import Draft202012Validator, meta

from antiphon.contracts import generate
from antiphon.contracts.compatibility import breaks
from antiphon.contracts.envelope import NotUnderstoodError, decode, encode
from antiphon.contracts.topics import EVENTS, TOPICS
from antiphon.service_names import SERVICES
from deploy.site import PROJECT

HERE = Path(generate.__file__).parent
TYPES = sorted(EVENTS)
Json = dict[str, Any]


def record(example: dict[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    return [(k, v.encode()) for k, v in example["headers"].items()], json.dumps(example["data"]).encode()


@pytest.mark.parametrize("event_type", TYPES)
def test_an_example_is_read_and_written_without_change(event_type: str) -> None:
    shown = generate.example(event_type)
    envelope, event = decode(*record(shown))
    assert (envelope.type, event.type, event.key) == (event_type, event_type, shown["key"])
    assert envelope.time is not None
    again = encode(event, source=envelope.source[1:], time=envelope.time, traceparent=envelope.traceparent)
    assert json.loads(again.value) == shown["data"]
    assert again.headers | {"ce_id": envelope.id} == shown["headers"]


@pytest.mark.parametrize("event_type", TYPES)
def test_an_example_satisfies_its_schema_and_an_empty_one_does_not(event_type: str) -> None:
    found = json.loads((HERE / "schemas" / f"{event_type}.json").read_text())
    meta.validate(found)
    validator = Draft202012Validator(found)
    data = generate.example(event_type)["data"]
    assert not list(validator.iter_errors(data))
    assert list(validator.iter_errors({}))
    assert not list(validator.iter_errors(data | {"a_field_of_next_year": 1}))


@pytest.mark.parametrize("event_type", TYPES)
def test_the_official_sdk_reads_the_same_event(event_type: str) -> None:
    shown = generate.example(event_type)
    headers, value = record(shown)
    read = sdk.from_binary_event(sdk.KafkaMessage(headers=dict(headers), key=shown["key"], value=value))
    envelope, _ = decode(headers, value)
    assert read.get_id() == envelope.id
    assert read.get_type() == envelope.type
    assert read.get_source() == envelope.source
    assert read.get_subject() == envelope.subject
    assert read.get_time() == envelope.time
    assert read.get_extension("partitionkey") == shown["key"]
    assert read.get_data() == shown["data"]


@pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_source", "ce_specversion"])
def test_an_event_without_a_required_attribute_is_refused(missing: str) -> None:
    headers, value = record(generate.example("case.opened.v1"))
    with pytest.raises(NotUnderstoodError, match=missing):
        decode([(name, text) for name, text in headers if name != missing], value)


def test_unknown_types_and_wrong_data_are_refused_with_type_or_field() -> None:
    headers, value = record(generate.example("case.opened.v1"))
    other = [(k, b"case.forgotten.v9" if k == "ce_type" else v) for k, v in headers]
    with pytest.raises(NotUnderstoodError, match=r"case\.forgotten\.v9"):
        decode(other, value)
    data = json.loads(value)
    data["case"]["revision"] = "many"
    with pytest.raises(NotUnderstoodError, match=r"case\.revision"):
        decode(headers, json.dumps(data).encode())
    with pytest.raises(NotUnderstoodError, match="no value"):
        decode(headers, None)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e300"])
def test_a_time_that_a_database_could_not_give_back_is_not_understood(time: str) -> None:
    example = generate.example("interaction.received.v1")
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    data = json.dumps(example["data"]).replace(example["data"]["interaction"]["accepted_at"], time)
    with pytest.raises(NotUnderstoodError, match=r"interaction\.accepted_at"):
        decode(headers, data.encode())


def test_generated_files_are_what_the_models_say_and_none_is_left_over() -> None:
    expected = generate.files()
    for path, content in expected.items():
        assert path.read_text() == content, f"{path.name}: make contracts"
    assert {path.stem for path in (HERE / "schemas").iterdir()} == set(TYPES)
    assert {path.stem for path in (HERE / "examples").iterdir()} == set(TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_an_event_type_has_no_breaking_change_since_its_release(event_type: str) -> None:
    path = HERE / "released" / f"{event_type}.json"
    if path.exists():
        assert breaks(json.loads(path.read_text()), generate.schema(EVENTS[event_type])) == []


def test_no_released_event_type_is_missing() -> None:
    assert {path.stem for path in (HERE / "released").iterdir()} <= set(TYPES)


CHANGES: list[tuple[Callable[[Json], object], str]] = [
    (lambda s: s["properties"].pop("case"), "removed"),
    (lambda s: s["$defs"]["CaseFacts"]["properties"].pop("subject"), "case.subject: removed"),
    (lambda s: s["$defs"]["CaseFacts"]["required"].append("due"), ""),
    (lambda s: s["$defs"]["CaseFacts"]["required"].append("subject"), "became required"),
    (lambda s: s["$defs"]["CaseFacts"]["required"].remove("reference"), "no longer required"),
    (
        lambda s: s["$defs"]["CaseFacts"]["properties"]["revision"].update(type="string"),
        "was integer, is string",
    ),
    (lambda s: s["$defs"]["CaseFacts"]["properties"]["reference"].update(maxLength=3), "maxLength"),
    (lambda s: s["$defs"]["CaseFacts"]["properties"].update(extra={"type": "string"}), ""),
    (lambda s: s["$defs"]["CaseFacts"]["properties"]["status"].update({"x-known-values": ["new"]}), ""),
]


@pytest.mark.parametrize(("change", "finding"), CHANGES)
def test_a_breaking_change_is_found_and_an_addition_is_not(
    change: Callable[[Json], object], finding: str
) -> None:
    released = json.loads((HERE / "schemas" / "case.opened.v1.json").read_text())
    new = deepcopy(released)
    change(new)
    found = breaks(released, new)
    if finding:
        assert any(finding in line for line in found), found
    elif new["$defs"]["CaseFacts"]["required"] == released["$defs"]["CaseFacts"]["required"]:
        assert found == []
    else:
        assert any("new and required" in line for line in found), found


def test_the_official_parser_accepts_the_asyncapi_document_but_not_a_broken_one(
    tmp_path: Path,
) -> None:
    script = PROJECT / "deploy" / "node" / "asyncapi.mjs"
    good = subprocess.run(
        ["node", script, HERE / "asyncapi.json"], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stderr
    document = json.loads((HERE / "asyncapi.json").read_text())
    del document["info"]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(document))
    bad = subprocess.run(["node", script, broken], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "info" in bad.stderr


def test_topics_are_written_and_read_by_existing_services() -> None:
    for topic in TOPICS.values():
        assert set(topic.writers) | set(topic.readers) <= set(SERVICES)
        assert topic.writers
        assert all(event.topic == topic.name for event in topic.events)
