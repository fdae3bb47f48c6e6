"""One OpenAPI document of the documents of all services. Pure.

Of the service `case-mgmt`, the path `/cases` becomes `/api/case-mgmt/cases`, the operation `list_cases`
`case_mgmt_list_cases`, the schema `CaseView` `CaseMgmtCaseView`, and the tag of its operations is `case-mgmt`.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

Document = Mapping[str, JsonValue]
_SCHEMAS = "#/components/schemas/"
_INTRODUCTION = """\
All APIs of Antiphon, at `/api/<service>/…`. Programs send a bearer token to the API port: they exchange an API key for one at
`/token`. Pages send their cookie to the page port."""


def merged(documents: Mapping[str, Document], missing: Sequence[str], *, token_url: str) -> Document:
    """The document of these services. It names the services that are missing."""
    paths: dict[str, JsonValue] = {}
    schemas: dict[str, JsonValue] = {}
    tags: list[JsonValue] = []
    for service, document in documents.items():
        paths |= {
            f"/api/{service}{path}": _operations(service, operations)
            for path, operations in _members(document.get("paths")).items()
        }
        own = _members(_members(document.get("components")).get("schemas"))
        schemas |= {_schema_name(service, name): _renamed(schema, service) for name, schema in own.items()}
        description = _members(document.get("info")).get("description", "")
        tags.append({"name": service, "description": description})
    absent = (
        f"\n\nNot in this document, because they do not answer now: {', '.join(missing)}." if missing else ""
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Antiphon",
            "version": "0.1.0",
            "description": _INTRODUCTION + absent,
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"api_key": []}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _security(token_url)},
    }


def _security(token_url: str) -> dict[str, JsonValue]:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JWT of the identity provider, or one that an API key was exchanged for.",
        },
        "api_key": {
            "type": "oauth2",
            "description": "The name and the secret of an API key are the client's id and secret.",
            "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": {}}},
        },
    }


def _operations(service: str, path: JsonValue) -> JsonValue:
    return {
        verb: _operation(service, operation) if isinstance(operation, dict) else operation
        for verb, operation in _members(path).items()
    }


def _operation(service: str, operation: dict[str, JsonValue]) -> JsonValue:
    # Every operation needs a token at the API port, so the document says it once for all.
    kept = {name: _renamed(part, service) for name, part in operation.items() if name != "security"}
    return {
        **kept,
        "operationId": f"{service.replace('-', '_')}_{operation.get('operationId')}",
        "tags": [service],
    }


def _renamed(part: JsonValue, service: str) -> JsonValue:
    """A part of a document whose references are to the renamed schemas."""
    if isinstance(part, list):
        return [_renamed(one, service) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _reference(value, service) if name in {"$ref", "mapping"} else _renamed(value, service)
        for name, value in part.items()
    }


def _reference(value: JsonValue, service: str) -> JsonValue:
    """A reference, or the references of a discriminator's mapping; a property that only has such a name stays."""
    if isinstance(value, str) and value.startswith(_SCHEMAS):
        return _SCHEMAS + _schema_name(service, value.removeprefix(_SCHEMAS))
    if isinstance(value, dict):
        return {
            name: _reference(one, service) if isinstance(one, str) else _renamed(one, service)
            for name, one in value.items()
        }
    return value


def _schema_name(service: str, name: str) -> str:
    return "".join(part.capitalize() for part in service.split("-")) + name


def _members(part: JsonValue) -> Mapping[str, JsonValue]:
    return part if isinstance(part, dict) else {}
