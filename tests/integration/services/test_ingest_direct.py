"""Calls, letters and visits: durable when answered, once under one key, seen by those who may."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Identifier
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from ingest_direct import actions, api
from tests.conftest import NewDatabase

CALL: dict[str, Any] = {
    "channel": "phone",
    "speaker": {"name": "Jo", "phone": "(02) 5550 1234"},
    "text": "Hello",
}


class Door:
    """The service's API over its database."""

    def __init__(self, engine: AsyncEngine, http: httpx.AsyncClient, secrets: Path) -> None:
        self.engine, self.http, self.secrets = engine, http, secrets

    async def ask(
        self,
        verb: str,
        path: str,
        *,
        role: Role = Role.AGENT,
        who: str = "bruno",
        key: str | None = None,
        **given: Any,
    ) -> httpx.Response:
        token = keys.token(self.secrets, role=role, name=who, now=utc_now())
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        return await self.http.request(verb, path, headers=headers, **given)

    async def note(self, key: str, call: dict[str, Any] = CALL, **more: Any) -> httpx.Response:
        return await self.ask("POST", "/interactions", key=key, json=call, **more)

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query))).all())


@pytest.fixture
async def door(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    engine = await new_database("ingest_direct")
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = create_app(
        title="t",
        service="ingest-direct",
        description="t",
        engine=engine,
        access=access,
        package="ingest_direct",
    )
    app.include_router(
        api.router(engine, ChangeFeed(engine), utc_now, region="AU", max_attachment_bytes=1000)
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Door(engine, http, tmp_path)


async def test_twenty_at_once_under_one_key_are_one_interaction(door: Door) -> None:
    answers = await asyncio.gather(*(door.note("call-1") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["interaction_id"] for answer in answers}) == 1
    assert all(a.headers.get("idempotency-replayed") == "true" for a in answers if a.status_code == 200)
    assert len(await door.rows("select 1 from outbox")) == 1
    counts = (await door.ask("GET", "/counts")).json()
    assert (counts["received"], counts["interactions"], counts["duplicates"]) == (20, 1, 19)


async def test_a_call_too_large_for_an_event_is_accepted_and_its_defects_name_what_is_cut(
    door: Door,
) -> None:
    async with door.engine.begin() as tx:
        files = [
            await actions.keep_attachment(
                tx,
                source="bruno",
                filename="\x01" * 255,
                media_type="\x01" * 255,
                content=b"x",
                now=utc_now(),
            )
            for _ in range(50)
        ]
    ids = [str(file.attachment_id) for file in files]
    answer = await door.note("call-1", CALL | {"text": "\x01" * 100_000, "attachments": ids})
    assert answer.status_code == 201
    (row,) = await door.rows("select convert_from(value, 'utf8')::json as data from outbox")
    said = row.data["interaction"]
    assert said["defects"] == ["attachments-cut", "text-cut"]
    assert len(said["content"]["text"]) > 80_000
    assert len(said["attachments"]) > 40
    assert len(await door.rows("select 1 from attachment where interaction_id is not null")) == 50


async def test_a_second_call_under_one_key_is_rejected_and_another_agents_key_is_free(door: Door) -> None:
    await door.note("call-1")
    assert (await door.note("call-1", CALL | {"text": "Other"})).status_code == 409
    assert (await door.note("call-1", who="amara")).status_code == 201


async def test_the_sources_own_id_is_recognised_under_another_key(door: Door) -> None:
    call = CALL | {"channel": "partner", "external_id": "crm-7"}
    first = await door.note("a", call, role=Role.INTEGRATION, who="crm")
    second = await door.note("b", call, role=Role.INTEGRATION, who="crm")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["interaction_id"] == second.json()["interaction_id"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"speaker": {"phone": "12"}}, "/speaker/phone"),
        ({"speaker": {"email": "nobody"}}, "/speaker/email"),
        ({"occurred_at": "2126-01-01T00:00:00Z"}, "/occurred_at"),
        ({"text": ""}, "/text"),
        ({"text": "a\u0000b"}, "/text"),
        ({"channel": "telegraph"}, "/channel"),
        ({"unknown": 1}, "/unknown"),
        ({"attachments": [str(uuid4())]}, "/attachments/0"),
        ({"subject": "x" * 999}, "/subject"),
    ],
)
async def test_invalid_input_is_answered_with_its_place_and_leaves_nothing(
    door: Door, change: dict[str, Any], pointer: str
) -> None:
    answer = await door.note("k", CALL | change)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert await door.rows("select 1 from delivery") == []


async def test_malformed_bodies_are_answered_with_a_client_error(door: Door) -> None:
    for body in (b'{"channel":"phone","speaker":{},"text":"\\ud800"}', b"\xff\xfe", b"[" * 5000, b""):
        token = keys.token(door.secrets, role=Role.AGENT, name="b", now=utc_now())
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": "k",
            "Content-Type": "application/json",
        }
        answer = await door.http.post("/interactions", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (body[:20], answer.text)


async def test_a_system_sees_only_its_own_interactions_and_staff_see_all(door: Door) -> None:
    mine = (await door.note("a", role=Role.INTEGRATION, who="crm")).json()["interaction_id"]
    for who, role, status in (
        ("crm", Role.INTEGRATION, 200),
        ("other", Role.INTEGRATION, 404),
        ("bruno", Role.AGENT, 200),
    ):
        assert (await door.ask("GET", f"/interactions/{mine}", role=role, who=who)).status_code == status
    others = (await door.ask("GET", "/interactions", role=Role.INTEGRATION, who="other")).json()
    assert others["items"] == []
    assert (await door.note("b", role=Role.MANAGER, who="m")).status_code == 403


async def test_an_attachment_is_served_as_a_download_and_used_once(door: Door) -> None:
    sent = {"file": ("../le<t>ter.html", b"<script>evil()</script>", "text/html")}
    kept = await door.ask("POST", "/attachments", files=sent)
    assert kept.status_code == 201
    scan = kept.json()["attachment_id"]
    letter = CALL | {"channel": "letter", "attachments": [scan]}
    assert (await door.note("a", letter)).status_code == 201
    assert (await door.note("b", letter)).status_code == 422
    got = await door.ask("GET", f"/attachments/{scan}")
    assert got.content == b"<script>evil()</script>"
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert (await door.ask("POST", "/attachments", files={"file": ("big", b"x" * 1001)})).status_code == 413


@pytest.mark.parametrize(
    ("channel", "speaker", "recipient"),
    [
        ("web", {"phone": "(02) 5550 1234", "email": "Jo@mail.example"}, "email:jo@mail.example"),
        ("web", {"phone": "(02) 5550 1234", "account_number": "R-20418"}, None),
        ("chat", {"email": "jo@mail.example", "partner_id": "7"}, "partner:crm/7"),
        ("partner", {"email": "jo@mail.example", "account_number": "R-20418"}, None),
        ("phone", {"phone": "(02) 5550 1234", "email": "jo@mail.example"}, "phone:+61255501234"),
        ("letter", {"account_number": "R-20418", "email": "jo@mail.example"}, "account:R-20418"),
        ("visit", {}, None),
    ],
)
async def test_the_recipient_is_the_speakers_address_on_the_same_channel(
    door: Door, channel: str, speaker: dict[str, str], recipient: str | None
) -> None:
    call = CALL | {"channel": channel, "speaker": speaker}
    noted = await door.note("a", call, role=Role.INTEGRATION, who="crm")
    interaction = (await door.ask("GET", f"/interactions/{noted.json()['interaction_id']}")).json()[
        "interaction"
    ]
    found = interaction["recipient"]
    assert (f"{found['kind']}:{found['value']}" if found else None) == recipient


async def test_a_reply_is_handed_over_once_and_published_once(door: Door) -> None:
    interaction = (await door.note("a", role=Role.INTEGRATION, who="crm")).json()["interaction_id"]
    asked = ReplyRequested(
        reply_id=uuid4(), case_id=uuid4(), channel="phone", case_reference="C-1", customer_id=uuid4(), answers=interaction,
        recipient=Identifier(kind="phone", value="+61255501234"), account="phone", visibility="private", text="Yes.", author=Actor(kind="agent", id="amara", name="Amara"),
        case_token="t", requested_at=utc_now(),
    )  # fmt: skip
    foreign = asked.model_copy(update={"reply_id": uuid4(), "answers": uuid4()})
    async with door.engine.begin() as tx:
        await actions.take_replies(tx, [asked, asked, foreign])
    waiting = (await door.ask("GET", "/replies", role=Role.INTEGRATION, who="crm")).json()["items"]
    assert [reply["reply_id"] for reply in waiting] == [str(asked.reply_id)]
    assert waiting[0]["recipient"] == {"kind": "phone", "value": "+61255501234"}
    path = f"/replies/{asked.reply_id}"
    assert (
        await door.ask("POST", f"{path}/sent", role=Role.INTEGRATION, who="other", json={})
    ).status_code == 404
    for _ in range(2):
        assert (
            await door.ask("POST", f"{path}/sent", role=Role.INTEGRATION, who="crm", json={})
        ).status_code == 200
    assert (await door.ask("POST", f"{path}/failed", json={"reason": "late"})).status_code == 409
    assert len(await door.rows("select 1 from outbox where headers like '%reply.sent%'")) == 1
    became = (await door.ask("GET", f"/interactions/{interaction}")).json()
    assert became["answered"] is True
