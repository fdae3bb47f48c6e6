"""Writes the published form of the contracts: a JSON Schema for each event type and one AsyncAPI document.

`python -m antiphon.contracts.generate` writes them; `--check` fails when a file is not what the models say.
Sources: JSON Schema 2020-12, AsyncAPI 3.0, CloudEvents 1.0 Kafka binding.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from antiphon.contracts.base import Event
from antiphon.contracts.topics import EVENTS, TOPICS, dead_letter_topic

HERE = Path(__file__).parent
Json = dict[str, Any]


def schema(event: type[Event]) -> Json:
    """The JSON Schema of an event's data, as readers see it: fields that they do not know are allowed."""
    found = event.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:antiphon:{event.type}",
        **_open(found),
    }


def _open(value: Any) -> Any:
    """With defaults, a writer always sends every field; a reader must still accept an event that lacks the optional."""
    if isinstance(value, dict):
        opened = {key: _open(part) for key, part in value.items()}
        if "properties" in opened and "required" in opened:
            given = opened["properties"]
            opened["required"] = [name for name in opened["required"] if "default" not in given[name]]
            opened["additionalProperties"] = True
        elif opened.get("additionalProperties") is False:
            opened["additionalProperties"] = True
        return opened
    return [_open(part) for part in value] if isinstance(value, list) else value


def example(event_type: str) -> Json:
    """The committed example of an event type: headers, key, data."""
    found: Json = json.loads((HERE / "examples" / f"{event_type}.json").read_text())
    return found


def asyncapi() -> Json:
    """The AsyncAPI document: topics, who writes and reads them, messages with their schemas and examples."""
    channels: Json = {}
    operations: Json = {}
    for topic in TOPICS.values():
        channels[topic.name] = {
            "address": topic.name,
            "description": f"{topic.says.capitalize()}. Key: {topic.key}.",
            "messages": {
                event.type: {"$ref": f"#/components/messages/{event.type}"} for event in topic.events
            },
            "bindings": {"kafka": {"topic": topic.name, "partitions": 6, "bindingVersion": "0.5.0"}},
        }
        for service, action in [
            *((s, "send") for s in topic.writers),
            *((s, "receive") for s in topic.readers),
        ]:
            operations[f"{service}.{action}.{topic.name}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": f"{service} {'writes' if action == 'send' else 'reads'} {topic.name}",
            }
        for reader in topic.readers:
            name = dead_letter_topic(topic.name, reader)
            channels[name] = {
                "address": name,
                "description": f"What {reader} could not understand of {topic.name}: the record as it was, with the "
                "headers dlq_reason, dlq_topic, dlq_partition, dlq_offset and dlq_at.",
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Antiphon events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in binary mode on Kafka: attributes in the headers `ce_*`, data as JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {event.type: _message(event) for event in EVENTS.values()},
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }


def _message(event: type[Event]) -> Json:
    shown = example(event.type)
    return {
        "name": event.type,
        "title": (event.__doc__ or "").splitlines()[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": _inlined(schema(event)),
        },
        "examples": [{"name": event.type, "headers": shown["headers"], "payload": shown["data"]}],
    }


def _inlined(found: Json) -> Json:
    """Without `$defs`: AsyncAPI resolves references from the root of the document, not of the schema."""
    definitions: Json = found.get("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                name = str(value["$ref"]).rpartition("/")[2]
                return resolve({**definitions[name], **{k: v for k, v in value.items() if k != "$ref"}})
            return {key: resolve(part) for key, part in value.items()}
        return [resolve(part) for part in value] if isinstance(value, list) else value

    whole: Json = resolve(
        {key: part for key, part in found.items() if key not in {"$defs", "$schema", "$id"}}
    )
    return whole


def _headers() -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {**text, "description": "The same event written twice has the same id."},
            "ce_source": {**text, "description": "`/` and the service that wrote it."},
            "ce_type": text,
            "ce_subject": {**text, "description": "The id of the thing that the fact is about."},
            "ce_time": {**text, "format": "date-time"},
            "ce_partitionkey": {**text, "description": "The record's key."},
            "ce_traceparent": {**text, "description": "W3C trace context of what caused it."},
            "content-type": {"const": "application/json"},
        },
    }


def files() -> dict[Path, str]:
    """Every generated file and what must stand in it."""
    made = {HERE / "schemas" / f"{event.type}.json": schema(event) for event in EVENTS.values()}
    made[HERE / "asyncapi.json"] = asyncapi()
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in made.items()}


def main() -> int:
    """Writes the files, or checks them; the status for the shell."""
    parser = argparse.ArgumentParser(description="Write the schemas of the events and the AsyncAPI document.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    if not parser.parse_args().check:
        for path, content in files().items():
            path.write_text(content)
        return 0
    stale = [path for path, content in files().items() if not path.exists() or path.read_text() != content]
    for path in stale:
        sys.stderr.write(f"{path.relative_to(HERE)} is not what the models say: make contracts\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
