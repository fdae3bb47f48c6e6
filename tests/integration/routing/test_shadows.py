"""A shadow: a draft that decides beside the active version, is kept with each decision and reported, and never acts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from routing.configuration import shadows
from routing.configuration.active import Configurations
from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, case, opened_api
from tests.support.routing.messages import CaseWithMessages
from tests.support.statements import counted

RATES = "{ queue: rates, priority: 40,", "{ queue: front-desk, priority: 60,"
ERRS = (
    "rules:\n",
    "rules:\n  - name: Errs\n    when: interaction.topics[7] == 'x'\n    then: { queue: rates, priority: 1 }\n",
)


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def begin_shadow(client: RoutingApi, draft_id: str, status: int = 201) -> str:
    answer = await client.ask("POST", f"/drafts/{draft_id}/shadow", json={"why": "to see", "hours": 2})
    assert answer.status_code == status, answer.text
    return answer.headers.get("Location", "")


async def test_a_shadow_is_kept_with_each_decision_is_reported_and_never_acts(
    client: RoutingApi,
) -> None:
    await client.apply(case(1, "rates"))
    path = await begin_shadow(client, (await client.draft(RATES, ERRS))["draft_id"])
    await client.apply(case(2, "rates"), case(3, "roads", tone="neutral"))
    client.configurations = Configurations()  # another replica
    await client.apply(case(4, "rates"))
    rows = await client.rows("select queue, priority from work_item order by case_id")
    assert [tuple(row) for row in rows] == [("rates", 40), ("rates", 40), ("roads", 40), ("rates", 40)]
    decisions = await client.rows("select shadow from decision order by case_id")
    assert decisions[0].shadow is None
    assert decisions[1].shadow["outcome"]["queue"] == "front-desk"
    assert (decisions[2].shadow["differs"], "trace" in decisions[2].shadow) == ([], False)
    report = (await client.ask("GET", path)).json()
    result = report["result"]
    assert (report["why"], report["began_by"], report["ended_at"]) == ("to see", "olga", None)
    assert (result["decisions"], result["changed"], result["elsewhere"]) == (3, 2, 2)
    assert result["from_to"] == [{"from_queue": "rates", "to_queue": "front-desk", "items": 2}]
    assert result["changes"] == {"queue": 2, "priority": 2}
    assert result["erred"] == [{"rule": "Errs", "items": 3}]
    assert {"rule": "Rates", "before": 2, "after": 2} in result["rules"]
    page = (await client.ask("GET", f"{path}/items?limit=1")).json()
    (item,) = page["items"]
    assert (item["before"]["outcome"]["queue"], item["after"]["outcome"]["queue"]) == (
        "rates",
        "front-desk",
    )
    assert item["after"]["trace"][0] | {"error": None} == {"rule": "Errs", "result": "error", "error": None}
    rest = (await client.ask("GET", f"{path}/items?limit=5&cursor={page['next']}")).json()
    assert len(rest["items"]) == 1
    (work,) = await client.rows("select work_item_id from work_item where case_reference = 'C-4'")
    explained = (await client.ask("GET", f"/work/{work.work_item_id}")).json()
    assert explained["decision"]["shadow"]["differs"] == ["queue", "priority"]


async def test_one_shadow_runs_at_a_time_until_it_is_ended_or_its_time_is_over(
    client: RoutingApi,
) -> None:
    draft = await client.draft(RATES)
    path = await begin_shadow(client, draft["draft_id"])
    await begin_shadow(client, draft["draft_id"], status=409)
    ended = (await client.ask("DELETE", path)).json()
    assert ended["ended_by"] == "olga"
    assert (await client.ask("DELETE", path)).status_code == 409
    await client.apply(case(1, "rates"))
    path = await begin_shadow(client, draft["draft_id"])
    await client.apply(case(2, "rates"))
    async with client.engine.begin() as tx:
        await tx.execute(text("update shadow set ends_at = now() where ended_at is null"))
    await client.apply(case(3, "rates"))
    decisions = await client.rows("select shadow is not null as kept from decision order by case_id")
    assert [row.kept for row in decisions] == [False, True, False]
    assert await begin_shadow(client, draft["draft_id"]) != path
    assert len((await client.ask("GET", "/shadows")).json()["items"]) == 3
    faulty = await client.draft(("queue: rates, priority", "queue: rats, priority"))
    await begin_shadow(client, faulty["draft_id"], status=422)


async def test_a_shadow_costs_no_statement_and_its_report_reads_its_decisions_by_index(
    client: RoutingApi,
) -> None:
    await client.apply(case(1, "rates"))
    with counted(client.engine) as without_shadow:
        await client.apply(case(2, "rates"))
    path = await begin_shadow(client, (await client.draft(RATES))["draft_id"])
    await client.apply(case(3, "rates"))  # this batch reads the draft
    with counted(client.engine) as with_shadow:
        await client.apply(case(4, "rates"))
    assert len(with_shadow) == len(without_shadow)
    async with client.engine.begin() as tx:
        await tx.execute(text("set local enable_seqscan = off"))
        parameters = {"shadow": path.rsplit("/", 1)[1]}
        plan = "\n".join(
            row[0] for row in await tx.execute(text("explain " + shadows.REPORT.text), parameters)
        )
    assert "decision_shadow_ix" in plan


async def test_a_shadow_decides_on_later_words_also_where_the_active_version_changes_nothing(
    client: RoutingApi,
) -> None:
    moves = (
        "rules:\n",
        (
            'rules:\n  - name: Permits\n    when: case.unanswered_text.contains("permit")\n    moves: true\n'
            "    then: { queue: planning, priority: 20 }\n"
        ),
    )
    path = await begin_shadow(client, (await client.draft(moves))["draft_id"])
    later = CaseWithMessages(client)
    await client.apply(later.opened, later.interaction_added("I need a permit"))
    await client.apply(later.interaction_added("There is a gas leak"))
    (work,) = await client.rows("select work_item_id, queue, decision_id from work_item")
    assert work.queue == "hazards"
    result = (await client.ask("GET", path)).json()["result"]
    assert (result["decisions"], result["later_words"]) == (3, {"decisions": 2, "changed": 2})
    assert {"from_queue": "front-desk", "to_queue": "planning", "items": 1} in result["from_to"]
    listed = (await client.ask("GET", f"{path}/items")).json()["items"]
    assert [(item["later_words"], item["after"]["outcome"]["queue"]) for item in listed] == [
        (True, "planning"),
        (True, "planning"),
    ]
    shown = (await client.ask("GET", f"/work/{work.work_item_id}")).json()
    assert [decision["rule"] for decision in shown["decisions"]] == ["Everything else", "Danger"]
    assert shown["decision"]["decision_id"] == str(work.decision_id)
