"""What an OpenAPI document of a service lacks for somebody who writes a client, or generates an SDK from it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

# One word for one thing, in every service: what not to write, and what to write instead.
VOCABULARY = {
    "agent": "agent_id",
    "assignee": "agent_id",
    "user": "agent_id",
    "user_id": "agent_id",
    "version": "configuration_version",
}
INSTANT = re.compile(r"(\w+_)?(at|since|until)|now|from|to|period|due_(before|after)")
OPERATION_ID = re.compile(r"[a-z]+(_[a-z]+)+")
VERBS = frozenset(
    {
        "accept", "add", "approve", "assign", "begin", "check", "compare", "complete", "create", "decline",
        "discard", "download", "end", "export", "extend", "find", "follow", "get", "link", "list", "merge", "note", "pick", "prioritise", "publish",
        "record", "revoke", "replace", "replay", "report", "restore", "save", "search", "send", "set", "split", "stop", "take", "transfer", "try", "unlink",
        "unmerge", "update", "upload", "widen", "withdraw",
    }
)  # fmt: skip
_METHOD = re.compile(r"_(get|put|post|patch|delete)$")
# A value of these needs no example: the document names it, or its format does.
_PLAIN_FORMATS = {"date-time", "date", "uuid"}


class Operation(NamedTuple):
    """An operation of a document: `name` is its method and path."""

    name: str
    content: Mapping[str, Any]


def operations(document: Document) -> Iterator[Operation]:
    """All operations, in order."""
    for path, methods in document["paths"].items():
        for method, content in methods.items():
            yield Operation(f"{method.upper()} {path}", content)


def faults(document: Document) -> list[str]:
    """Everything that is wrong, a sentence each: what lacks a description or an example, and names that are poor."""
    schemas: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})
    ids = Counter(operation.content.get("operationId", "") for operation in operations(document))
    found = [f"operationId {name!r}: {count} operations have it" for name, count in ids.items() if count > 1]
    for operation in operations(document):
        found += _of_operation(operation, schemas)
    for name, schema in schemas.items():
        found += _of_schema(name, schema, schemas)
    return found


def _of_operation(operation: Operation, schemas: Mapping[str, Schema]) -> Iterator[str]:
    name, content = operation
    operation_id = content.get("operationId", "")
    if not OPERATION_ID.fullmatch(operation_id) or operation_id.partition("_")[0] not in VERBS:
        yield f"{name}: operationId {operation_id!r} is no verb_noun"
    elif _METHOD.search(operation_id):
        yield f"{name}: operationId {operation_id!r} is FastAPI's default"
    if not content.get("description"):
        yield f"{name}: no description"
    for parameter in content.get("parameters", []):
        where = f"{name}: parameter {parameter['name']}"
        if not parameter.get("description"):
            yield f"{where}: no description"
        yield from _name(where, parameter["name"], parameter["schema"])
        yield from _invalid(where, parameter["schema"], [parameter, parameter["schema"]], schemas)
    body = content.get("requestBody", {}).get("content", {})
    yield from _media(f"{name}: request body", body, schemas)
    for status, response in content["responses"].items():
        if status.startswith("2"):
            yield from _media(f"{name}: response {status}", response.get("content", {}), schemas)


def _media(where: str, content: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Iterator[str]:
    for media in content.values():
        schema = media.get("schema", {})
        if not _examples(media) and not has_example(schema, schemas):
            yield f"{where}: no example"
        yield from _invalid(where, schema, [media], schemas)


def _of_schema(name: str, schema: Schema, schemas: Mapping[str, Schema]) -> Iterator[str]:
    if not schema.get("description") and "properties" in schema:
        yield f"{name}: no description"
    yield from _invalid(name, schema, [schema], schemas)
    for field, value in schema.get("properties", {}).items():
        where = f"{name}.{field}"
        if not value.get("description"):
            yield f"{where}: no description"
        yield from _name(where, field, value)
        yield from _invalid(where, value, [value], schemas)


def _name(where: str, name: str, schema: Schema) -> Iterator[str]:
    if name in VOCABULARY and "$ref" not in schema:
        yield f"{where}: write {VOCABULARY[name]}"
    instant = any(one.get("format") == "date-time" for one in (schema, *schema.get("anyOf", ())))
    if instant and not INSTANT.fullmatch(name):
        yield f"{where}: write {name}_at"


def _examples(part: Mapping[str, Any]) -> Sequence[Any]:
    """The examples that a schema, a parameter or a media type names."""
    if "example" in part:
        return [part["example"]]
    named = part.get("examples", [])
    return [one["value"] for one in named.values()] if isinstance(named, Mapping) else named


def _invalid(
    where: str, schema: Schema, parts: Sequence[Mapping[str, Any]], schemas: Mapping[str, Schema]
) -> Iterator[str]:
    examples = [example for part in parts for example in _examples(part)]
    if examples:
        shown = {name: _relaxed(one) for name, one in schemas.items()}
        validator = Draft202012Validator({**_relaxed(schema), "components": {"schemas": shown}})
        for example in examples:
            for error in validator.iter_errors(example):
                yield f"{where}: its example is not of its schema: {error.message}"


def _relaxed(schema: Schema) -> Schema:
    """The schema of an example, which may leave out what can be null."""
    optional = {
        name
        for name, value in schema.get("properties", {}).items()
        if {"type": "null"} in value.get("anyOf", ())
    }
    return {**schema, "required": [name for name in schema.get("required", ()) if name not in optional]}


def has_example(schema: Schema, schemas: Mapping[str, Schema]) -> bool:
    """Whether a value of a schema can be shown: it has an example, or all that it must have has one.

    An object of which nothing is required needs one of its own: `{}` shows nothing.
    """
    if _examples(schema) or {"default", "const", "enum"} & schema.keys():
        return True
    if "$ref" in schema:
        return has_example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return any(has_example(one, schemas) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return has_example(schema["items"], schemas)
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return bool(required) and all(has_example(schema["properties"][name], schemas) for name in required)
    return schema.get("type") == "boolean" or schema.get("format") in _PLAIN_FORMATS
