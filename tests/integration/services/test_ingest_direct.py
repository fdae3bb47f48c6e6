"""Calls, letters and visits: durable when answered, once under one key, seen by those who may."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts import generate
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import CaseOpened, CaseStatusChanged
from antiphon.contracts.interactions import Channel, Identifier
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.site import EXAMPLE
from ingest_direct import api, tasks
from ingest_direct.actions import attachments, interactions, replies
from tests.conftest import NewDatabase
from tests.support.waiting import until

CALL: dict[str, Any] = {
    "channel": "phone",
    "speaker": {"name": "Jo", "phone": "(02) 5550 1234"},
    "text": "Hello",
}


class Client:
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
        **request: Any,
    ) -> httpx.Response:
        token = keys.token(self.secrets, role=role, name=who, now=utc_now())
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        return await self.http.request(verb, path, headers=headers, **request)

    async def note(self, key: str, call: dict[str, Any] = CALL, **more: Any) -> httpx.Response:
        return await self.ask("POST", "/interactions", key=key, json=call, **more)

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query))).all())


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Client]:
    engine = await new_database("ingest_direct")
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = api.application(
        engine,
        access,
        ChangeFeed(engine),
        utc_now,
        ActiveOrganisation.of_file(EXAMPLE),
        max_attachment_bytes=1000,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Client(engine, http, tmp_path)


async def test_twenty_at_once_under_one_key_are_one_interaction(client: Client) -> None:
    answers = await asyncio.gather(*(client.note("call-1") for _ in range(20)))
    assert {(answer.status_code, answer.text, answer.headers["location"]) for answer in answers} == {
        (201, answers[0].text, answers[0].headers["location"])
    }
    assert (
        sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == [""] + ["true"] * 19
    )
    assert len(await client.rows("select 1 from outbox")) == 1
    counts = (await client.ask("GET", "/counts")).json()
    assert (counts["received"], counts["interactions"], counts["duplicates"]) == (20, 1, 19)


async def test_a_call_too_large_for_an_event_is_accepted_and_its_defects_name_what_is_cut(
    client: Client,
) -> None:
    async with client.engine.begin() as tx:
        files = [
            await attachments.keep(
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
    answer = await client.note("call-1", CALL | {"text": "\x01" * 100_000, "attachments": ids})
    assert answer.status_code == 201
    (row,) = await client.rows("select convert_from(value, 'utf8')::json as data from outbox")
    interaction = row.data["interaction"]
    assert interaction["defects"] == ["attachments-cut", "text-cut"]
    assert len(interaction["content"]["text"]) > 80_000
    assert len(interaction["attachments"]) > 40
    assert len(await client.rows("select 1 from attachment where interaction_id is not null")) == 50


async def test_a_second_call_under_one_key_is_rejected_and_another_agents_key_is_free(client: Client) -> None:
    await client.note("call-1")
    assert (await client.note("call-1", CALL | {"text": "Other"})).status_code == 422
    assert (await client.note("call-1", who="amara")).status_code == 201


async def test_the_sources_own_id_is_recognised_under_another_key(client: Client) -> None:
    call = CALL | {"channel": "partner", "external_id": "crm-7"}
    first = await client.note("a", call, role=Role.INTEGRATION, who="crm")
    second = await client.note("b", call, role=Role.INTEGRATION, who="crm")
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
    client: Client, change: dict[str, Any], pointer: str
) -> None:
    answer = await client.note("k", CALL | change)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert await client.rows("select 1 from delivery") == []


async def test_malformed_bodies_are_answered_with_a_client_error(client: Client) -> None:
    for body in (b'{"channel":"phone","speaker":{},"text":"\\ud800"}', b"\xff\xfe", b"[" * 5000, b""):
        token = keys.token(client.secrets, role=Role.AGENT, name="b", now=utc_now())
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": "k",
            "Content-Type": "application/json",
        }
        answer = await client.http.post("/interactions", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (body[:20], answer.text)


async def test_a_system_sees_only_its_own_interactions_and_staff_see_all(client: Client) -> None:
    mine = (await client.note("a", role=Role.INTEGRATION, who="crm")).json()["interaction_id"]
    for who, role, status in (
        ("crm", Role.INTEGRATION, 200),
        ("other", Role.INTEGRATION, 404),
        ("bruno", Role.AGENT, 200),
    ):
        assert (await client.ask("GET", f"/interactions/{mine}", role=role, who=who)).status_code == status
    others = (await client.ask("GET", "/interactions", role=Role.INTEGRATION, who="other")).json()
    assert others["items"] == []
    assert (await client.note("b", role=Role.MANAGER, who="m")).status_code == 403


async def test_an_attachment_is_served_as_a_download_and_used_once(client: Client) -> None:
    sent = {"file": ("../le<t>ter.html", b"<script>evil()</script>", "text/html")}
    kept = await client.ask("POST", "/attachments", files=sent)
    assert kept.status_code == 201
    scan = kept.json()["attachment_id"]
    letter = CALL | {"channel": "letter", "attachments": [scan]}
    assert (await client.note("a", letter)).status_code == 201
    assert (await client.note("b", letter)).status_code == 422
    got = await client.ask("GET", f"/attachments/{scan}")
    assert got.content == b"<script>evil()</script>"
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert (await client.ask("POST", "/attachments", files={"file": ("big", b"x" * 1001)})).status_code == 413


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
    client: Client, channel: str, speaker: dict[str, str], recipient: str | None
) -> None:
    call = CALL | {"channel": channel, "speaker": speaker}
    noted = await client.note("a", call, role=Role.INTEGRATION, who="crm")
    interaction = (await client.ask("GET", f"/interactions/{noted.json()['interaction_id']}")).json()[
        "interaction"
    ]
    found = interaction["recipient"]
    assert (f"{found['kind']}:{found['value']}" if found else None) == recipient


async def test_a_reply_is_handed_over_once_and_published_once(client: Client) -> None:
    interaction = (await client.note("a", role=Role.INTEGRATION, who="crm")).json()["interaction_id"]
    request = reply(interaction, "phone", "Yes.")
    foreign = request.model_copy(update={"reply_id": uuid4(), "answers": uuid4()})
    async with client.engine.begin() as tx:
        await replies.keep_requested(tx, [request, request, foreign])
    waiting = (await client.ask("GET", "/replies", role=Role.INTEGRATION, who="crm")).json()["items"]
    assert [reply["reply_id"] for reply in waiting] == [str(request.reply_id)]
    assert waiting[0]["recipient"] == {"kind": "phone", "value": "+61255501234"}
    path = f"/replies/{request.reply_id}"
    assert (
        await client.ask("POST", f"{path}/sent", role=Role.INTEGRATION, who="other", json={})
    ).status_code == 404
    for _ in range(2):
        assert (
            await client.ask("POST", f"{path}/sent", role=Role.INTEGRATION, who="crm", json={})
        ).status_code == 200
    assert (await client.ask("POST", f"{path}/failed", json={"reason": "late"})).status_code == 409
    assert len(await client.rows("select 1 from outbox where headers like '%reply.sent%'")) == 1
    became = (await client.ask("GET", f"/interactions/{interaction}")).json()
    assert became["answered"] is True


async def test_interactions_are_listed_newest_first_by_source_and_channel(client: Client) -> None:
    for key, channel, who in (("a", "phone", "bruno"), ("b", "visit", "bruno"), ("c", "visit", "amara")):
        assert (await client.note(key, CALL | {"channel": channel, "text": key}, who=who)).status_code == 201

    async def listed(**params: str) -> list[str]:
        return await pages(
            client, "/interactions", params, lambda item: item["interaction"]["content"]["text"]
        )

    assert await listed() == ["c", "b", "a"]
    assert await listed(channel="visit") == ["c", "b"]
    assert await listed(mine="true") == ["b", "a"]
    assert await listed(mine="true", channel="phone") == ["a"]


async def test_replies_are_listed_oldest_first_by_state_and_channel(client: Client) -> None:
    requests: list[ReplyRequested] = []
    for n, channel in enumerate(("phone", "visit", "phone")):
        noted = await client.note(str(n), CALL | {"channel": channel})
        requests.append(reply(noted.json()["interaction_id"], channel, f"{n}"))
    async with client.engine.begin() as tx:
        await replies.keep_requested(tx, requests)
    failed = await client.ask(
        "POST", f"/replies/{requests[1].reply_id}/failed", json={"reason": "nobody there"}
    )
    assert (failed.json()["state"], failed.json()["reason"]) == ("failed", "nobody there")

    async def listed(**params: str) -> list[str]:
        return await pages(client, "/replies", params, lambda item: item["text"])

    assert await listed() == ["0", "2"]
    assert await listed(channel="phone") == ["0", "2"]
    assert await listed(state="failed") == ["1"]
    assert await listed(state="failed", channel="phone") == []
    counts = (await client.ask("GET", "/counts")).json()
    assert (counts["replies_waiting"], counts["replies_failed"], counts["replies_sent"]) == (2, 1, 0)


async def test_an_old_event_of_a_case_changes_nothing_newer_alone_or_in_one_batch(client: Client) -> None:
    await client.note("call-1")
    (row,) = await client.rows("select interaction_id from interaction")
    opened = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    words = opened.interaction.model_copy(
        update={"interaction_id": row.interaction_id, "channel": Channel.PHONE}
    )
    opened = opened.model_copy(update={"interaction": words})
    changed = CaseStatusChanged.model_validate(generate.example("case.status-changed.v1")["data"])

    def moved(status: str, revision: int) -> CaseStatusChanged:
        update = {"status": status, "revision": opened.case.revision + revision}
        return changed.model_copy(update={"case": opened.case.model_copy(update=update)})

    older, newer = moved("open", 1), moved("closed", 2)
    for batch in ([opened, newer, older], [older], [opened]):
        async with client.engine.begin() as tx:
            await interactions.set_cases(tx, batch)
        (row,) = await client.rows("select case_id, case_status, case_revision from interaction")
        assert tuple(row) == (opened.case.case_id, "closed", newer.case.revision)


async def test_an_attachment_that_no_interaction_uses_is_deleted(client: Client) -> None:
    used, unused = [
        (await client.ask("POST", "/attachments", files={"file": (name, b"x")})).json()["attachment_id"]
        for name in ("used", "unused")
    ]
    assert (await client.note("a", CALL | {"attachments": [used]})).status_code == 201
    deleting = asyncio.create_task(tasks.delete_unused_attachments(client.engine, timedelta(0)))

    async def is_deleted() -> bool:
        return (await client.ask("GET", f"/attachments/{unused}")).status_code == 404

    await until(is_deleted, what="the unused attachment to be deleted")
    deleting.cancel()
    assert (await client.ask("GET", f"/attachments/{used}")).status_code == 200


def reply(interaction_id: str, channel: str, words: str) -> ReplyRequested:
    """A reply that case-mgmt requests."""
    return ReplyRequested(
        reply_id=uuid4(), case_id=uuid4(), channel=channel, case_reference="C-1", customer_id=uuid4(),
        answers=UUID(interaction_id), recipient=Identifier(kind="phone", value="+61255501234"), account=channel,
        visibility="private", text=words, author=Actor(kind="agent", id="amara", name="Amara"), case_token="t",
        requested_at=utc_now(),
    )  # fmt: skip


async def pages(
    client: Client, path: str, params: dict[str, str], read: Callable[[dict[str, Any]], str]
) -> list[str]:
    """What `read` gives of all items of a list, one item a page."""
    values: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.ask("GET", path, params={**params, "limit": "1", "cursor": cursor})
        assert answer.status_code == 200, answer.text
        values += [read(item) for item in answer.json()["items"]]
        cursor = answer.json()["next"]
    return values
