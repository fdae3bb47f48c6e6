"""API keys: administrators create them, programs exchange them for tokens, and the services know the tokens only."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from tests.conftest import NewDatabase
from tests.support.api_port import ApiPort, opened

CALL = {"channel": "phone", "speaker": {"name": "Jo", "phone": "(02) 5550 1234"}, "text": "Hello"}
INTERACTIONS = "/api/ingest-direct/interactions"
KEYS = "/api/desktop/api-keys"


class SetClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def after(self, **time: float) -> str:
        """A moment after now, as a request has it."""
        return (self.now + timedelta(**time)).isoformat()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def port(new_database: NewDatabase, tmp_path: Path, clock: SetClock) -> AsyncIterator[ApiPort]:
    async with opened(new_database, tmp_path, clock=clock) as found:
        yield found


async def listed(port: ApiPort) -> list[dict[str, Any]]:
    answer = await port.ask("GET", KEYS, port.token(Role.ADMINISTRATOR, "adam"))
    assert answer.is_success, answer.text
    return answer.json()["items"]


async def test_a_program_exchanges_its_key_and_calls_a_service_as_itself(
    port: ApiPort, clock: SetClock
) -> None:
    key = await port.created("crm", [Role.INTEGRATION], clock.after(days=90))
    answer = await port.exchange("crm", key["secret"])
    assert answer.is_success, answer.text
    assert answer.json() | {"access_token": "…"} == {
        "access_token": "…",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "integration",
    }
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    noted = await port.ask("POST", INTERACTIONS, token, json=CALL, headers={"Idempotency-Key": "call-1"})
    assert noted.status_code == 201, noted.text
    read = await port.ask("GET", noted.headers["location"], token)
    assert "Hello" in read.text
    # An integration sees what it brought itself.
    other = await port.created("shop", [Role.INTEGRATION], clock.after(days=90))
    others = (await port.exchange("shop", other["secret"])).json()["access_token"]
    assert (await port.ask("GET", noted.headers["location"], others)).status_code == 404


async def test_a_secret_is_shown_once_and_kept_nowhere(port: ApiPort, clock: SetClock) -> None:
    body = {"name": "crm", "roles": ["integration"], "expires_at": clock.after(days=1)}
    admin = port.token(Role.ADMINISTRATOR, "adam")
    first, repeat = [
        await port.ask("POST", KEYS, admin, json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert (first.status_code, repeat.status_code) == (201, 201)
    assert repeat.headers["idempotency-replayed"] == "true"
    secret = first.json()["secret"]
    assert repeat.json() == {**first.json(), "secret": None}
    assert [key["api_key_id"] for key in await listed(port)] == [first.json()["api_key_id"]]
    async with port.engine.connect() as connection:
        rows = [
            list(row)
            for table in ("api_key", "idempotency_key")
            for row in (await connection.execute(text(f"select * from {table}"))).all()
        ]
    assert len(rows) == 2
    assert secret.removeprefix("antiphon_") not in str(rows)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"expires_at": {"days": 367}}, "/expires_at"),
        ({"expires_at": {"days": 0}}, "/expires_at"),
        ({"roles": ["administrator"]}, "/roles"),
        ({"roles": []}, "/roles"),
        ({"name": "key:crm"}, "/name"),
    ],
)
async def test_a_key_has_a_name_an_end_within_a_year_and_creates_no_keys(
    port: ApiPort, clock: SetClock, change: dict[str, Any], place: str
) -> None:
    body: dict[str, Any] = {"name": "crm", "roles": ["agent"], "expires_at": {"days": 366}} | change
    body["expires_at"] = clock.after(**body["expires_at"])
    answer = await port.ask("POST", KEYS, port.token(Role.ADMINISTRATOR, "adam"), json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, place)


async def test_a_key_that_was_revoked_or_has_expired_gets_no_token(port: ApiPort, clock: SetClock) -> None:
    admin = port.token(Role.ADMINISTRATOR, "adam")
    revoked = await port.created("crm", [Role.INTEGRATION], clock.after(days=90))
    ending = await port.created("shop", [Role.INTEGRATION], clock.after(minutes=2))
    assert (await port.exchange("shop", ending["secret"])).json()["expires_in"] <= 120
    for _ in range(2):
        answer = await port.ask("DELETE", f"{KEYS}/{revoked['api_key_id']}", admin)
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    clock.now += timedelta(minutes=3)
    refused = [await port.exchange(key["name"], key["secret"]) for key in (revoked, ending)]
    assert [(answer.status_code, answer.json()["error"]) for answer in refused] == [
        (401, "invalid_client")
    ] * 2
    states = {one["name"]: one["state"] for one in await listed(port)}
    assert states == {"crm": "revoked", "shop": "expired"}
    assert (await port.ask("DELETE", f"{KEYS}/{uuid4()}", admin)).status_code == 404


async def test_the_use_of_a_key_is_written_once_a_minute(port: ApiPort, clock: SetClock) -> None:
    key = await port.created("crm", [Role.INTEGRATION], clock.after(days=90))
    seen: list[str] = []
    for seconds in (0, 30, 30):
        clock.now += timedelta(seconds=seconds)
        assert (await port.exchange("crm", key["secret"])).is_success
        seen += [one["last_used_at"] for one in await listed(port)]
    assert seen[0] == seen[1] < seen[2]


async def test_only_administrators_see_and_create_keys(port: ApiPort, clock: SetClock) -> None:
    key = await port.created(
        "crm", [role for role in Role if role is not Role.ADMINISTRATOR], clock.after(days=9)
    )
    program = (await port.exchange("crm", key["secret"])).json()["access_token"]
    for token in (program, port.token(Role.OPERATIONS, "olga")):
        answers = [
            await port.ask("GET", KEYS, token),
            await port.ask("POST", KEYS, token, json={}),
            await port.ask("DELETE", f"{KEYS}/{key['api_key_id']}", token),
        ]
        assert [answer.status_code for answer in answers] == [403] * 3


async def test_a_program_may_ask_for_fewer_roles_and_for_no_others(port: ApiPort, clock: SetClock) -> None:
    key = await port.created("crm", [Role.INTEGRATION, Role.MANAGER], clock.after(days=90))
    fewer = await port.exchange("crm", key["secret"], scope="manager")
    assert fewer.json()["scope"] == "manager"
    answer = await port.ask("POST", INTERACTIONS, fewer.json()["access_token"], json=CALL)
    assert answer.status_code == 403
    others = await port.exchange("crm", key["secret"], scope="manager agent")
    assert (others.status_code, others.json()["error"]) == (400, "invalid_scope")


async def test_a_key_is_used_under_its_name_only_and_in_the_form_as_well(
    port: ApiPort, clock: SetClock
) -> None:
    key = await port.created("crm", [Role.INTEGRATION], clock.after(days=90))
    other = await port.exchange("shop", key["secret"])
    assert (other.status_code, other.headers["www-authenticate"]) == (401, 'Basic realm="antiphon"')
    form = {"grant_type": "client_credentials", "client_id": "crm", "client_secret": key["secret"]}
    assert (await port.http.post("/token", data=form)).is_success


async def test_the_published_keys_are_public(port: ApiPort) -> None:
    published = json.loads((await port.http.get("/.well-known/jwks.json")).text)["keys"]
    assert [(key["kty"], key["crv"], "d" in key) for key in published] == [("EC", "P-256", False)]
