"""Access: a token must be of our issuer, for our audience, valid, and with an allowed role. The last test asks a real provider."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from antiphon.access.roles import Identity, Role
from antiphon.access.tokens import Access, Gateway
from antiphon.http.app import MAX_BODY_BYTES, Moment, create_app
from antiphon.http.changes import EVERYTHING, ChangeFeed, EventStream
from antiphon.http.permissions import Guarded, require
from antiphon.postgres.engine import create_engine
from deploy.processes import Process
from deploy.site import PROJECT, Ports
from deploy.world import listens

ISSUER, AUDIENCE = "https://issuer.example", "antiphon"
KEY = ECKey.generate_key("P-256", auto_kid=True)
OTHER = ECKey.generate_key("P-256", auto_kid=True)


def app_for(issuer: str, jwks: str, **how: Any) -> FastAPI:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    access = Access(issuer=issuer, audience=AUDIENCE, jwks=jwks, **how)
    app = create_app(
        title="t", service="t", description="t", engine=engine, access=access, package="routing",
        limits={"/files": 2 * MAX_BODY_BYTES},
    )  # fmt: skip

    @app.get("/mine")
    async def mine(
        who: Annotated[Identity, Depends(require(Role.AGENT, Role.INTEGRATION))],
    ) -> dict[str, Any]:
        return {"subject": who.subject, "roles": sorted(who.roles)}

    @app.post("/texts")
    @app.post("/files", operation_id="send_file")
    async def count(texts: list[str]) -> int:
        return len(texts)

    @app.get("/texts")
    async def since(since: Moment) -> str:
        return since.isoformat()

    @app.get("/changes", response_class=EventStream)
    async def changes() -> EventStream:
        return EventStream(ChangeFeed(engine).stream(None, EVERYTHING))

    routes = APIRouter(route_class=Guarded)

    @routes.post("/guarded")
    async def guarded(texts: list[str], who: Annotated[Identity, Depends(require(Role.AGENT))]) -> str:
        return who.subject * len(texts)

    app.include_router(routes)
    _ = mine, count, since, changes, guarded
    return app


async def ask(app: FastAPI, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        return await http.get("/mine", headers=headers)


def token(key: Any = KEY, alg: str = "ES256", **changes: Any) -> str:
    now = int(time.monotonic()) + 10**10  # far ahead of any clock, so that it never expires
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "amara", "roles": ["agent"], "exp": now} | changes
    header = {"alg": alg, "kid": key.kid or "k"}
    return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, key, algorithms=[alg])


def unsigned() -> str:
    from base64 import urlsafe_b64encode  # noqa: PLC0415 - only here

    parts = [
        {"alg": "none"},
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "amara", "roles": ["agent"], "exp": 10**10},
    ]
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    return app_for(ISSUER, str(path))


@pytest.mark.parametrize(
    ("make_token", "status"),
    [
        (token, 200),
        (lambda: token(roles=["integration", "manager"]), 200),
        (lambda: token(aud=["other", AUDIENCE]), 200),
        (lambda: None, 401),
        (lambda: "", 401),
        (lambda: "rubbish", 401),
        (unsigned, 401),
        (lambda: token(OTHER), 401),
        (lambda: token(OctKey.import_key("a public text as a key of 32 bytes"), "HS256"), 401),
        (lambda: token(exp=1), 401),
        (lambda: token(exp=None), 401),
        (lambda: token(iss="https://other.example"), 401),
        (lambda: token(iss=None), 401),
        (lambda: token(aud="other"), 401),
        (lambda: token(aud=None), 401),
        (lambda: token(sub=None), 401),
        (lambda: token(roles=["manager"]), 403),
        (lambda: token(roles=[]), 403),
        (lambda: token(roles="agent auditor"), 200),
        (lambda: token(roles="agents"), 403),
        (lambda: token(roles={"agent": True}), 403),
        (lambda: token(roles=[["agent"], 7]), 403),
        (lambda: token(roles=None), 403),
    ],
)
async def test_only_valid_tokens_with_an_allowed_role_get_in(
    app: FastAPI, make_token: Any, status: int
) -> None:
    answer = await ask(app, make_token())
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


NAMESPACED = "https://issuer.example/roles"


@pytest.mark.parametrize(
    ("claims", "changes", "status", "roles"),
    [
        ({"role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["agent", "offline_access"]}}, 200, ["agent"]),
        (
            {"role_claim": "resource_access.anti.phon.roles"},
            {"resource_access": {"anti.phon": {"roles": ["agent", "integration", "supervisor"]}}},
            200, ["agent", "integration", "supervisor"],
        ),
        ({"role_claim": NAMESPACED}, {NAMESPACED: ["agent"]}, 200, ["agent"]),
        ({"role_claim": "groups"}, {"groups": "staff agent"}, 200, ["agent"]),
        ({"role_claim": "realm_access.roles"}, {"realm_access": "agent"}, 403, []),
        ({"role_claim": "realm_access.roles"}, {"realm_access": {"groups": ["agent"]}}, 403, []),
        ({"role_claim": "groups"}, {"groups": ["auditor"]}, 403, []),
        ({"subject_claim": "preferred_username"}, {"sub": "3f1c", "preferred_username": "amara"}, 200, ["agent"]),
        ({"subject_claim": "employee.id"}, {"sub": None, "employee": {"id": "amara"}}, 200, ["agent"]),
        ({"subject_claim": "preferred_username"}, {}, 401, []),
        ({"subject_claim": "employee.id"}, {"employee": {"id": 7}}, 401, []),
        ({"subject_claim": "employee.id"}, {"employee": {"id": ""}}, 401, []),
    ],
)  # fmt: skip
async def test_settings_name_the_claims_with_the_subject_and_the_roles(
    tmp_path: Path, claims: dict[str, str], changes: dict[str, Any], status: int, roles: list[str]
) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    # The claim of the default counts no more where a setting names another.
    own: dict[str, Any] = {} if "subject_claim" in claims else {"roles": ["agent"]}
    answer = await ask(app_for(ISSUER, str(path), **claims), token(**own | changes))
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json() == {"subject": "amara", "roles": roles}


GATEWAY = "http://127.0.0.1:8140"


@pytest.mark.parametrize(
    ("key", "claims", "status"),
    [
        (OTHER, {"iss": GATEWAY, "sub": "key:crm"}, 200),
        (KEY, {"iss": GATEWAY, "sub": "key:crm"}, 401),
        (OTHER, {"iss": ISSUER}, 401),
        (OTHER, {"iss": GATEWAY, "sub": "amara"}, 401),
        (KEY, {"iss": ISSUER, "sub": "key:crm"}, 401),
        (OTHER, {"iss": GATEWAY, "sub": "key:crm", "aud": "other"}, 401),
        (OTHER, {"iss": GATEWAY, "sub": "key:crm", "exp": 1}, 401),
        (OTHER, {"iss": GATEWAY, "sub": "key:crm", "roles": ["manager"]}, 403),
        (OTHER, {"iss": GATEWAY, "sub": "key:crm", "roles": None, "groups": ["agent"]}, 403),
    ],
)
async def test_each_issuer_signs_with_its_own_keys_and_names_its_own_callers(
    tmp_path: Path, key: Any, claims: dict[str, Any], status: int
) -> None:
    provider, gateway = tmp_path / "provider.json", tmp_path / "gateway.json"
    provider.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    gateway.write_text(json.dumps(KeySet([OTHER]).as_dict(private=False)))
    # The gateway's claims have their own names, whatever those of the provider are.
    app = app_for(ISSUER, str(provider), role_claim="groups", gateway=Gateway(GATEWAY, str(gateway)))
    answer = await ask(app, token(key, **claims))
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json() == {"subject": "key:crm", "roles": ["agent"]}


async def test_without_a_gateway_only_the_provider_is_trusted(app: FastAPI) -> None:
    assert (await ask(app, token(iss=GATEWAY, sub="key:crm"))).status_code == 401


@pytest.mark.parametrize("role", list(Role))
async def test_an_administrator_may_do_all_that_operations_may_and_only_that(
    app: FastAPI, role: Role
) -> None:
    async def operate(who: Annotated[Identity, Depends(require(Role.OPERATIONS))]) -> bool:
        return who.has(Role.OPERATIONS)

    async def supervise(who: Annotated[Identity, Depends(require(Role.SUPERVISOR))]) -> bool:
        return who.has(Role.SUPERVISOR)

    app.get("/operate")(operate)
    app.get("/supervise")(supervise)
    headers = {"Authorization": f"Bearer {token(roles=[role.value])}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        operated = await http.get("/operate", headers=headers)
        supervised = await http.get("/supervise", headers=headers)
    assert operated.status_code == (200 if role in {Role.OPERATIONS, Role.ADMINISTRATOR} else 403)
    assert supervised.status_code == (200 if role is Role.SUPERVISOR else 403)


@pytest.mark.parametrize(
    ("make_token", "body", "status"),
    [
        (lambda: None, "{", 401),
        (lambda: "rubbish", "{", 401),
        (lambda: token(roles=["manager"]), "{", 403),
        (lambda: None, "[1]", 401),
        (token, "{", 422),
        (token, "[1]", 422),
        (token, '["a"]', 200),
    ],
)
async def test_the_token_is_checked_before_the_body_is_read(
    app: FastAPI, make_token: Any, body: str, status: int
) -> None:
    read = False

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield body.encode()

    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {make_token()}"} if make_token() else {}
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.post("/guarded", content=stream(), headers=headers)
    assert answer.status_code == status, answer.text
    assert read == (status not in {401, 403})


def test_the_openapi_document_names_the_roles_that_may_call_a_route(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert paths["/mine"]["get"]["x-roles"] == ["agent", "integration"]
    assert "x-roles" not in paths["/livez"]["get"]


async def test_an_unknown_method_is_answered_with_the_allowed_ones(app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.delete("/texts")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_a_live_stream_is_in_the_openapi_document(app: FastAPI) -> None:
    answers = app.openapi()["paths"]["/changes"]["get"]["responses"]
    assert "text/event-stream" in answers["200"]["content"]


@pytest.mark.parametrize(
    ("since", "status"),
    [("2026-11-24T09:00:00Z", 200), ("2026-11-24T09:00:00+11:00", 200), ("0.5", 422), ("1790000000", 422), ("2026-11-24T09:00:00", 422),
     ("0001-01-01T00:00:00+14:00", 422), ("9999-12-31T23:59:59-14:00", 422)],
)  # fmt: skip
async def test_a_time_parameter_must_be_iso_8601_with_an_offset(
    app: FastAPI, since: str, status: int
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/texts", params={"since": since})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("path", "limit"), [("/texts", MAX_BODY_BYTES), ("/files", 2 * MAX_BODY_BYTES)])
@pytest.mark.parametrize("with_length", [True, False])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(
    app: FastAPI, with_length: bool, path: str, limit: int
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"} | ({"Content-Length": "100000000"} if with_length else {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        fits = await http.post(
            path, content=b'["a"]'.ljust(limit), headers=headers | {"Content-Length": str(limit)}
        )
        answer = await http.post(path, content=endless(), headers=headers)
    assert fits.status_code == 200, fits.text
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert (sent == 0) if with_length else (limit < sent * 100_000 <= limit + 100_000)


async def test_new_keys_in_the_file_are_accepted_and_removed_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([OTHER]).as_dict(private=False)))
    app = app_for(ISSUER, str(path))
    assert (await ask(app, token())).status_code == 401
    import os  # noqa: PLC0415 - only here

    path.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    os.utime(path, (10**9, 10**9))
    assert (await ask(app, token())).status_code == 200
    assert (await ask(app, token(OTHER))).status_code == 401


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The issuer of a real OpenID provider."""
    port = Ports.free().pds
    folder = PROJECT / "deploy" / "node"
    log = tmp_path_factory.mktemp("oidc") / "log"
    process = Process("oidc", ["node", str(folder / "oidc.mjs"), str(port), "a-secret"], log, folder=folder)
    process.start(lambda: listens(port), within=30)
    yield f"http://127.0.0.1:{port}"
    process.stop()


async def test_tokens_of_a_real_provider_are_accepted_for_our_audience_only(provider: str) -> None:
    app = app_for(provider, f"{provider}/jwks")
    async with httpx.AsyncClient() as http:

        async def token_for(audience: str) -> str:
            answer = await http.post(
                f"{provider}/token", auth=("crm", "a-secret"),
                data={"grant_type": "client_credentials", "resource": f"urn:{audience}", "scope": "api"},
            )  # fmt: skip
            answer.raise_for_status()
            return str(answer.json()["access_token"])

        ours = await ask(app, await token_for(AUDIENCE))
        assert ours.status_code == 200, ours.text
        assert ours.json()["roles"] == ["integration"]
        assert (await ask(app, await token_for("somebody-else"))).status_code == 401
