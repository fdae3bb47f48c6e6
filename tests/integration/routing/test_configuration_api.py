"""Checking a configuration by HTTP: faults refuse it, warnings about its rules have their place and do not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.site import EXAMPLE
from routing import api
from routing.configuration.active import Configurations
from tests.conftest import NewDatabase

Check = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def check(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Check]:
    engine = await new_database("routing")
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = api.application(engine, access, ChangeFeed(engine), utc_now, Configurations())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:

        async def request(source: str, role: Role, **asked: str) -> httpx.Response:
            token = keys.token(tmp_path, role=role, name="ops", now=utc_now())
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/yaml"}
            return await http.post("/configuration/check", headers=headers, content=source, params=asked)

        yield request


async def test_a_check_reports_faults_or_else_warnings_about_the_rules(check: Check) -> None:
    council = EXAMPLE.read_text()
    valid = await check(council, Role.OPERATIONS)
    assert (valid.status_code, valid.json()["warnings"]) == (200, [])
    contradictory = council.replace('when: "true"', "when: case.replies > 3 && case.replies < 2")
    answer = await check(contradictory, Role.OPERATIONS)
    assert answer.status_code == 200
    warnings = [(w["rule"], w["kind"]) for w in answer.json()["warnings"]]
    assert warnings == [("Everything else", "contradiction"), (None, "no-rule-catches")]
    place = answer.json()["warnings"][0]
    assert (
        contradictory.split("\n")[place["line"] - 1][place["column"] - 1 :]
        == "case.replies > 3 && case.replies < 2"
    )
    assert (place["pointer"].split(".")[0::2], place["hidden_by"]) == (["rules", "when"], [])
    faulty = await check(council.replace("queue: front-desk,", "queue: front-dask,"), Role.OPERATIONS)
    assert faulty.status_code == 422
    (fault,) = [one for one in faulty.json()["errors"] if "front-dask" in one["detail"]]
    assert (
        "front-dask"
        in council.replace("queue: front-desk,", "queue: front-dask,").split("\n")[fault["line"] - 1]
    )
    assert fault["pointer"].endswith("then.queue")
    assert (await check(council, Role.AGENT)).status_code == 403


async def test_a_hidden_rule_names_the_rules_that_hide_it_and_an_editor_may_leave_warnings_out(
    check: Check,
) -> None:
    hidden = '  - name: Again\n    when: case.department == "planning" && case.replies > 1\n    then: { queue: rates }\n'
    council = EXAMPLE.read_text().replace(
        "  - name: Everything else\n", f"{hidden}  - name: Everything else\n"
    )
    (warning,) = (await check(council, Role.OPERATIONS)).json()["warnings"]
    assert (warning["kind"], warning["hidden_by"]) == ("never-matches", ["Planning"])
    assert (await check(council, Role.OPERATIONS, warnings="false")).json()["warnings"] == []
