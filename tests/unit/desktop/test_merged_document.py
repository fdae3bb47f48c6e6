"""One document of all services: no name clashes, and every reference leads somewhere."""

from collections.abc import Iterator
from typing import Any

from desktop.domain.merged_document import merged


def document(words: str) -> dict[str, Any]:
    """A service with the same names as the others."""
    view = {"$ref": "#/components/schemas/CountView"}
    return {
        "info": {"title": "t", "description": words},
        "paths": {
            "/counts": {
                "get": {
                    "operationId": "list_counts",
                    "tags": ["counts"],
                    "security": [{"HTTPBearer": []}],
                    "x-roles": ["manager"],
                    "responses": {"200": {"content": {"application/json": {"schema": view}}}},
                }
            }
        },
        "components": {
            "schemas": {
                "CountView": {
                    "properties": {"of": {"type": "array", "items": view}, "mapping": view},
                    "discriminator": {"propertyName": "kind", "mapping": {"a": view["$ref"]}},
                    "description": words,
                }
            },
            "securitySchemes": {"HTTPBearer": {"type": "http"}},
        },
    }


DOCUMENTS = {"case-mgmt": document("Cases."), "routing": document("Work.")}
MERGED: dict[str, Any] = dict(merged(DOCUMENTS, ["ingest-email"], token_url="https://desk.example/token"))


def inner(part: Any) -> Iterator[Any]:
    """A part of a document with all its parts."""
    yield part
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from inner(value)


def test_paths_operations_tags_and_schemas_have_the_name_of_their_service() -> None:
    operations = {
        path: (operation["operationId"], operation["tags"], operation["x-roles"])
        for path, verbs in MERGED["paths"].items()
        for operation in verbs.values()
    }
    assert operations == {
        "/api/case-mgmt/counts": ("case_mgmt_list_counts", ["case-mgmt"], ["manager"]),
        "/api/routing/counts": ("routing_list_counts", ["routing"], ["manager"]),
    }
    assert MERGED["tags"] == [
        {"name": "case-mgmt", "description": "Cases."},
        {"name": "routing", "description": "Work."},
    ]


def test_every_reference_is_to_the_schema_of_its_own_service() -> None:
    schemas = MERGED["components"]["schemas"]
    assert sorted(schemas) == ["CaseMgmtCountView", "RoutingCountView"]
    answers = {
        f"{path.split('/')[2]}": [part for part in inner(verbs) if str(part).startswith("#/")]
        for path, verbs in MERGED["paths"].items()
    }
    assert answers == {
        "case-mgmt": ["#/components/schemas/CaseMgmtCountView"],
        "routing": ["#/components/schemas/RoutingCountView"],
    }
    for name, schema in schemas.items():
        found = [part for part in inner(schema) if isinstance(part, str) and part.startswith("#/")]
        assert found == [f"#/components/schemas/{name}"] * 3


def test_one_security_holds_for_all_and_names_where_tokens_come_from() -> None:
    parts = [part for part in inner(MERGED) if isinstance(part, dict)]
    assert [part["security"] for part in parts if "security" in part] == [[{"bearer": []}, {"api_key": []}]]
    assert [part["tokenUrl"] for part in parts if "tokenUrl" in part] == ["https://desk.example/token"]


def test_a_service_that_does_not_answer_is_named() -> None:
    whole: dict[str, Any] = dict(merged(DOCUMENTS, [], token_url="https://desk.example/token"))
    assert MERGED["info"]["description"].endswith("do not answer now: ingest-email.")
    assert "do not answer" not in whole["info"]["description"]
