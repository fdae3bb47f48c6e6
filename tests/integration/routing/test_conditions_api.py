"""Conditions while they are written: trying one on a case, and what an editor completes by."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from antiphon.access.roles import Role
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, case, opened_api

CASE = str(UUID(int=1))


@pytest.fixture
async def api(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        await made.apply(case(1, "planning", text="Where do I object?", topics=["objection"]))
        yield made


async def tried(api: RoutingApi, when: str, **more: Any) -> dict[str, Any]:
    body = {"when": when, "case_id": CASE, **more}
    answer = await api.ask("POST", "/configuration/try-condition", role=Role.SUPERVISOR, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_condition_is_tried_on_the_facts_that_the_rules_read(api: RoutingApi) -> None:
    answer = await tried(
        api, 'interaction.topics.exists(t, t == "objection") && queues["planning"].waiting < 5'
    )
    assert (answer["result"], answer["error"], answer["has_words"]) == (True, None, True)
    assert answer["values"] == {"interaction.topics": ["objection"], 'queues["planning"].waiting': 0}
    assert (await tried(api, 'case.department == "rates"'))["result"] is False


@pytest.mark.parametrize(
    ("when", "line", "column", "words"),
    [
        ("true &&\n  case.departmnt == 'a'", 2, 7, "did you mean 'case.department'"),
        ('queues["planing"].open', 1, 1, "unknown queue 'planing', did you mean 'planning'"),
        ("case.replies", 1, 1, "must be true or false"),
        ('interaction.topics[9] == "a"', None, None, "index"),
    ],
)
async def test_a_condition_without_a_result_says_why_and_where(
    api: RoutingApi, when: str, line: int | None, column: int | None, words: str
) -> None:
    answer = await tried(api, when)
    assert answer["result"] is None
    assert (answer["error"]["line"], answer["error"]["column"]) == (line, column)
    assert words in answer["error"]["detail"]


async def test_a_condition_may_name_a_queue_of_the_draft_that_it_is_written_in(api: RoutingApi) -> None:
    draft = COUNCIL.replace("\nqueues:\n", "\nqueues:\n  appeals: { name: Appeals, sla_policy: standard }\n")
    assert (await tried(api, 'queues["appeals"].open', source=draft))["result"] is True
    assert (await tried(api, 'queues["appeals"].open'))["error"] is not None


async def test_a_condition_on_words_that_are_gone_has_no_result(api: RoutingApi) -> None:
    async with api.engine.begin() as tx:
        await tx.exec_driver_sql(
            "update decision set context = context - 'interaction.text', has_words = false"
        )
    answer = await tried(api, 'interaction.text.contains("object")')
    assert (answer["result"], answer["has_words"]) == (None, False)
    assert (await tried(api, 'case.department == "planning"'))["result"] is True


async def test_a_condition_can_not_be_tried_on_an_unknown_case(api: RoutingApi) -> None:
    body = {"when": "true", "case_id": str(UUID(int=2))}
    assert (await api.ask("POST", "/configuration/try-condition", json=body)).status_code == 404


async def test_an_editor_completes_facts_of_the_active_version_and_every_example_compiles(
    api: RoutingApi,
) -> None:
    answer = (await api.ask("GET", "/configuration/fields")).json()
    fields = {field["path"]: field for field in answer["fields"]}
    assert "email" in fields["interaction.channel"]["choices"]
    assert "planning" in fields["case.department"]["choices"]
    assert fields['queues["planning"].waiting']["type"] == "number"
    assert fields["interaction.text"]["is_words"]
    for function in answer["functions"]:
        assert (await tried(api, function["example"]))["error"] is None, function
