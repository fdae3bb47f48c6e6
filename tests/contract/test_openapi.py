"""Each service's OpenAPI document describes everything, shows examples, and has names that fit an SDK."""

from copy import deepcopy
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from antiphon.http.idempotency import HEADER, takes_effect_once
from antiphon.service_names import DESKTOP, PROCESSES
from deploy.openapi_documents import application
from tests.support.openapi import faults, has_example
from tests.support.repeating import METHODS

APPLICATIONS = [*((name, "application") for name in PROCESSES), (DESKTOP, "own")]


@pytest.mark.parametrize(("service", "name"), APPLICATIONS)
def test_a_document_describes_names_and_shows_everything(service: str, name: str) -> None:
    assert faults(application(service, name).openapi()) == []


# The row of a noted interaction has the key and the answer: it is the claim, for ever.
CLAIMED_BY_ITS_ROW = {"note_interaction"}
# Who is signed out already stays so.
THE_SAME_AGAIN = {"end_session"}


@pytest.mark.parametrize(("service", "name"), APPLICATIONS)
def test_each_post_and_patch_takes_an_idempotency_key_and_takes_effect_once(service: str, name: str) -> None:
    app = application(service, name)
    described = {
        one["operationId"] for methods in app.openapi()["paths"].values() for one in methods.values()
    }
    routes = [
        route
        for route in iter_route_contexts(app.routes)
        if set(METHODS) & set(route.methods or ()) and route.name in described - THE_SAME_AGAIN
    ]
    once = {route.name for route in routes if takes_effect_once(route.dependant)} | CLAIMED_BY_ITS_ROW
    keyed = {
        operation["operationId"]
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
        if HEADER in {parameter["name"] for parameter in operation.get("parameters", ())}
    }
    assert {route.name for route in routes} - once == set()
    assert {route.name for route in routes} == keyed


SENDS_ETAG = {
    "case-mgmt": {"get_case"},
    "customer-profile": {"get_customer", "update_customer"},
    "routing": {"get_configuration", "create_draft", "get_draft", "save_draft"},
}


@pytest.mark.parametrize("service", PROCESSES)
def test_a_document_states_the_etag_of_each_operation_that_sends_one(service: str) -> None:
    stated = {
        operation["operationId"]
        for methods in application(service).openapi()["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        if "ETag" in answer.get("headers", {})
    }
    assert stated == SENDS_ETAG.get(service, set())


FIELD = {"type": "string", "description": "The agent.", "examples": ["elena"]}
VIEW = {
    "type": "object",
    "description": "An agent.",
    "required": ["agent_id"],
    "properties": {"agent_id": FIELD},
}
OPERATION = {
    "operationId": "get_agent",
    "description": "An agent.",
    "parameters": [{"name": "agent_id", "in": "path", "description": "Which.", "schema": {"type": "string"}}],
    "responses": {
        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/AgentView"}}}}
    },
}


def document() -> dict[str, Any]:
    """A document without faults."""
    return deepcopy(
        {"paths": {"/agents/{agent_id}": {"get": OPERATION}}, "components": {"schemas": {"AgentView": VIEW}}}
    )


def test_a_document_without_faults_has_none() -> None:
    assert faults(document()) == []


OPERATION_PATH = ("paths", "/agents/{agent_id}", "get")
PARAMETER = (*OPERATION_PATH, "parameters", 0)
SCHEMA = ("components", "schemas", "AgentView")
AT = "GET /agents/{agent_id}"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ((*SCHEMA, "description"), "", "AgentView: no description"),
        ((*SCHEMA, "properties", "agent_id", "description"), "", "AgentView.agent_id: no description"),
        ((*SCHEMA, "properties", "agent_id", "examples"), [], f"{AT}: response 200: no example"),
        (
            (*SCHEMA, "properties", "agent_id", "examples"),
            [7],
            'AgentView.agent_id: its example is not of its schema: 7 is not of type "string"',
        ),
        (
            (*SCHEMA, "properties", "version"),
            FIELD,
            "AgentView.version: write configuration_version",
        ),
        (
            (*SCHEMA, "properties", "changed"),
            {"description": "When.", "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "AgentView.changed: write changed_at",
        ),
        ((*PARAMETER, "description"), "", f"{AT}: parameter agent_id: no description"),
        ((*PARAMETER, "name"), "assignee", f"{AT}: parameter assignee: write agent_id"),
        ((*OPERATION_PATH, "description"), "", f"{AT}: no description"),
        ((*OPERATION_PATH, "operationId"), "agent", f"{AT}: operationId 'agent' is no verb_noun"),
        ((*OPERATION_PATH, "operationId"), "my_agent", f"{AT}: operationId 'my_agent' is no verb_noun"),
        (
            (*OPERATION_PATH, "operationId"),
            "get_agent_agents__agent_id__get",
            f"{AT}: operationId 'get_agent_agents__agent_id__get' is no verb_noun",
        ),
        (
            (*OPERATION_PATH, "operationId"),
            "list_agents_agents_get",
            f"{AT}: operationId 'list_agents_agents_get' is FastAPI's default",
        ),
        (
            (*OPERATION_PATH, "requestBody"),
            {"content": {"application/json": {"schema": {"type": "object", "properties": {}}}}},
            f"{AT}: request body: no example",
        ),
        (
            (*OPERATION_PATH, "requestBody"),
            {"content": {"application/json": {"schema": {"type": "string"}, "example": 7}}},
            f'{AT}: request body: its example is not of its schema: 7 is not of type "string"',
        ),
        (
            ("paths", "/agents/me"),
            {"get": OPERATION},
            "operationId 'get_agent': 2 operations have it",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_found(path: tuple[str | int, ...], value: object, fault: str) -> None:
    faulty: Any = document()
    part = faulty
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert faults(faulty) == [fault]


def test_an_example_may_leave_out_only_what_can_be_null() -> None:
    found = document()
    view = found["components"]["schemas"]["AgentView"]
    view["required"] = ["agent_id", "name"]
    view["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The name."}
    view["examples"] = [{"agent_id": "elena"}, {"name": "Elena"}]
    assert faults(found) == ['AgentView: its example is not of its schema: "agent_id" is a required property']


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string"}, False),
        ({"type": "string", "default": "open"}, True),
        ({"type": "string", "enum": ["open"]}, True),
        ({"type": "string", "format": "uuid"}, True),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "integer"}}, False),
        ({"type": "array", "items": {"$ref": "#/components/schemas/AgentView"}}, True),
        ({"anyOf": [{"type": "integer", "example": 7}, {"type": "null"}]}, True),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, False),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, False),
        ({"type": "object", "properties": {"agent_id": FIELD}}, False),
        ({"type": "object", "required": ["agent_id"], "properties": {"agent_id": FIELD}}, True),
    ],
)  # fmt: skip
def test_a_value_can_be_shown_when_all_that_it_must_have_can(schema: dict[str, Any], shown: object) -> None:
    assert has_example(schema, {"AgentView": VIEW}) is shown
