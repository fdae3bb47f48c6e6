"""The API port: who passes, how much, and what there is."""

from datetime import timedelta
from pathlib import Path

from antiphon.access.roles import Role
from antiphon.http.problem_kinds import Kind
from antiphon.process.clock import utc_now
from desktop.api.gate import Limits
from desktop.domain.headers import SESSION_COOKIE
from desktop.domain.rate_limits import Quota
from tests.conftest import NewDatabase
from tests.support.api_port import opened
from tests.support.openapi import operations

PATH = "/api/ingest-direct/interactions"
STREAM = "/api/ingest-direct/replies/changes"


async def test_programs_come_with_a_token_and_without_a_session(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    async with opened(new_database, tmp_path) as port:
        agent = port.token(Role.AGENT, "elena")
        answers = [
            await port.ask("GET", PATH, agent),
            await port.ask("GET", PATH, agent, headers={"Cookie": f"a=b; {SESSION_COOKIE}=c"}),
            await port.http.get(PATH),
            await port.http.get(PATH, auth=("crm", "antiphon_secret")),
            await port.ask("GET", PATH, agent + "x"),
            await port.ask("GET", "/api/nothing/interactions", agent),
            await port.ask("GET", "/api/routing/work", agent),
            await port.ask("GET", "/session", agent),
        ]
    kinds = [answer.json().get("type") for answer in answers]
    assert kinds == [
        None,
        Kind.COOKIE_FROM_A_PROGRAM.type,
        *[Kind.NOT_AUTHENTICATED.type] * 3,
        Kind.NOT_FOUND.type,
        Kind.NOT_AVAILABLE.type,
        Kind.NOT_FOUND.type,
    ]
    assert not any(name.startswith("access-control-") for answer in answers for name in answer.headers)


async def test_each_caller_has_a_quota_of_its_own_and_sees_what_is_left(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    limits = Limits(Quota("requests", 2, 600), Quota("failures", 9, 600))
    async with opened(new_database, tmp_path, limits=limits) as port:
        elena, sam = port.token(Role.AGENT, "elena"), port.token(Role.SUPERVISOR, "sam")
        answers = [await port.ask("GET", PATH, token) for token in (elena, elena, elena, sam)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"requests";q=2;w=600'}
    left = [answer.headers["ratelimit"].rpartition(";t=")[0] for answer in answers]
    assert left == [f'"requests";r={number}' for number in (1, 0, 0, 1)]
    assert answers[2].json()["type"] == Kind.TOO_MANY_REQUESTS.type
    assert 0 < int(answers[2].headers["retry-after"]) <= 600


async def test_an_address_that_failed_too_often_is_refused_but_not_its_valid_tokens(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    limits = Limits(Quota("requests", 9, 600), Quota("failures", 3, 600))
    async with opened(new_database, tmp_path, limits=limits) as port:
        key = await port.created("crm", [Role.INTEGRATION], (utc_now() + timedelta(days=1)).isoformat())
        failed = [
            await port.exchange("crm", key["secret"] + "x"),
            await port.ask("GET", PATH, "rubbish"),
            await port.exchange("crm", key["secret"][::-1]),
            await port.exchange("crm", key["secret"]),
            await port.ask("GET", PATH, "rubbish"),
        ]
        valid = await port.ask("GET", PATH, port.token(Role.AGENT, "elena"))
    assert [answer.status_code for answer in failed] == [401, 401, 401, 429, 429]
    assert failed[2].headers["ratelimit"].startswith('"failures";r=0;t=')
    assert "retry-after" in failed[3].headers
    assert valid.status_code == 200


async def test_one_document_and_one_page_show_all_services_that_answer(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    async with opened(new_database, tmp_path) as port:
        document = (await port.http.get("/api/openapi.json")).json()
        assert (await port.http.get("/openapi.json")).json() == document
        page = await port.http.get("/api/docs")
        script = await port.http.get("/api/docs/swagger-ui-bundle.js")
    found = {operation.content["operationId"]: operation.name for operation in operations(document)}
    assert found["ingest_direct_note_interaction"] == f"POST {PATH}"
    assert found["desktop_create_api_key"] == "POST /api/desktop/api-keys"
    assert document["info"]["description"].endswith("ingest-email, ingest-social, routing.")
    flows = document["components"]["securitySchemes"]["api_key"]["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == f"{port.address}/token"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert script.is_success


async def test_a_stream_of_a_program_ends_with_its_token(new_database: NewDatabase, tmp_path: Path) -> None:
    async with opened(new_database, tmp_path, streams_last=timedelta(milliseconds=100)) as port:
        # It is read to its end; a stream without one is never read whole.
        stream = await port.ask("GET", STREAM, port.token(Role.AGENT, "elena"), timeout=60)
    assert stream.headers["content-type"].startswith("text/event-stream")
