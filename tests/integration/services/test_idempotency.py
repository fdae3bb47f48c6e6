"""Idempotency keys: under one key a request takes effect once, in every operation that HTTP does not define as idempotent."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

import case_mgmt.api
import customer_profile.api
import ingest_direct.api
import ingest_email.api
import ingest_social.api
import routing.api
from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets, new_key
from antiphon.contracts.base import Actor
from antiphon.contracts.replies import ReplyRequested
from antiphon.http import idempotency
from antiphon.http.changes import ChangeFeed
from antiphon.http.problem_kinds import Kind
from antiphon.kafka import dead_letters, outbox, parked_events
from antiphon.kafka.dead_letters import Record
from antiphon.organisation.channels import EmailAccount, ImapMailbox
from antiphon.postgres.query import driver_of
from antiphon.process.clock import utc_now
from customer_profile.actions import interactions
from customer_profile.domain.reading import WordReader
from deploy import keys
from deploy.site import EXAMPLE
from ingest_direct.actions import replies
from ingest_email import imap_session
from ingest_email.domain import accounts
from ingest_social import networks
from ingest_social.accounts import Accounts
from ingest_social.store import posts
from routing.configuration.active import Configurations
from tests.conftest import NewDatabase
from tests.support.case_mgmt import SECRET, apply, the_case
from tests.support.consuming import customers, outgoing
from tests.support.events import identified, received, spoken
from tests.support.mail import published as published_accounts
from tests.support.repeating import Repeating, operations, state
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.api import COUNCIL
from tests.support.routing.harness import Harness, opened
from tests.support.routing.organisation import queue

CALL = {"channel": "phone", "speaker": {"name": "Jo", "phone": "(02) 5550 1234"}, "text": "Hello"}
NOTE = {"text": "She also called."}
AGENTS_AND_WORK = ("agents", "offers", "work")
FAILED_EVENTS = "failed events"
"""The same in every service: a test of one repeats them."""


class Client:
    """Requests to an API; each is answered with success, unless a test says otherwise."""

    def __init__(self, http: httpx.AsyncClient, secrets: Path) -> None:
        self._http = http
        self._secrets = secrets

    async def ask(
        self, verb: str, path: str, body: object = None, *, role: Role = Role.AGENT, who: str = "elena",
        key: str | None = None, tag: str | None = None, kind: str | None = None,
        expected: int | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        token = keys.token(self._secrets, role=role, name=who, now=utc_now())
        given = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": key,
            "If-Match": tag,
            "Content-Type": kind,
        }
        headers = {name: value for name, value in given.items() if value is not None}
        if body is not None:
            options["json"] = body
        answer = await self._http.request(verb, path, headers=headers, **options)
        assert answer.status_code == expected or (expected is None and answer.is_success), answer.text
        return answer


def access(folder: Path) -> Access:
    return Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(folder)))


def over(transport: httpx.AsyncBaseTransport, folder: Path) -> Client:
    return Client(httpx.AsyncClient(transport=transport, base_url="http://test"), folder)


@pytest.fixture
async def cases_engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("case_mgmt")


@pytest.fixture
def cases_app(cases_engine: AsyncEngine, tmp_path: Path) -> FastAPI:
    feed = ChangeFeed(cases_engine)
    return case_mgmt.api.application(cases_engine, access(tmp_path), feed, utc_now, token_secret=SECRET)


@pytest.fixture
async def notes(cases_engine: AsyncEngine) -> str:
    """The path of a case's notes."""
    await apply(cases_engine, identified(uuid4()))
    return f"/cases/{(await the_case(cases_engine)).case_id}/notes"


@pytest.fixture
def client(cases_app: FastAPI, tmp_path: Path) -> Client:
    return over(httpx.ASGITransport(cases_app), tmp_path)


async def count(engine: AsyncEngine, table: str) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(text(f"select count(*) from {table}")) or 0)


async def test_a_repeat_in_case_mgmt_gets_the_first_answer_and_changes_nothing(
    cases_engine: AsyncEngine, cases_app: FastAPI, notes: str, tmp_path: Path
) -> None:
    repeating = Repeating(cases_app, cases_engine)
    client, path = over(repeating, tmp_path), notes.removesuffix("/notes")
    await client.ask("POST", notes, NOTE)
    await client.ask("POST", f"{path}/status", {"status": "resolved", "reason": "by phone"})
    tag = (await client.ask("GET", path)).headers["etag"]
    await client.ask("POST", f"{path}/replies", {"text": "Yes."}, tag=tag)
    assert (repeating.wrong, repeating.repeated) == ([], operations(cases_app, but=[FAILED_EVENTS]))


async def test_a_repeat_in_customer_profile_gets_the_first_answer_and_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    engine = await new_database("customer_profile")
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    app = customer_profile.api.application(
        engine, access(tmp_path), ChangeFeed(engine), utc_now, organisation
    )
    repeating = Repeating(app, engine)
    client = over(repeating, tmp_path)
    async with engine.begin() as tx:
        words = WordReader(*organisation.current)
        await interactions.identify(tx, received([spoken("email:jo@mail.example")]), words, utc_now())
    (customer,) = (await client.ask("GET", "/customers")).json()["items"]
    path = f"/customers/{customer['customer_id']}"
    tag = (await client.ask("GET", path)).headers["etag"]
    await client.ask("PATCH", path, {"name": "Jo Novak"}, tag=tag)
    await client.ask("POST", f"{path}/identifiers", {"kind": "account", "value": "R-1"})
    assert (repeating.wrong, repeating.repeated) == ([], operations(app, but=[FAILED_EVENTS]))


async def test_a_repeat_in_ingest_direct_gets_the_first_answer_and_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    engine = await new_database("ingest_direct")
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    app = ingest_direct.api.application(
        engine, access(tmp_path), ChangeFeed(engine), utc_now, organisation, max_attachment_bytes=1000
    )
    repeating = Repeating(app, engine, ignored=("delivery",))  # each delivery is counted
    client = over(repeating, tmp_path)
    for boundary in range(2):
        kind = f"multipart/form-data; boundary={boundary}"
        file = {"file": ("letter.pdf", b"%PDF-1.7")}
        kept = await client.ask("POST", "/attachments", files=file, key="letter", kind=kind)
        assert ("idempotency-replayed" in kept.headers) == bool(boundary)
    noted = (await client.ask("POST", "/interactions", CALL)).json()["interaction_id"]
    for outcome, report in (("sent", {}), ("failed", {"reason": "nobody there"})):
        reply = reply_to(noted)
        async with engine.begin() as tx:
            await replies.keep_requested(tx, [reply])
        await client.ask("POST", f"/replies/{reply.reply_id}/{outcome}", report)
    assert (repeating.wrong, repeating.repeated) == ([], operations(app, but=[FAILED_EVENTS]))


async def test_a_repeat_in_ingest_social_gets_the_first_answer_and_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    engine, organisation = await new_database("ingest_social"), ActiveOrganisation.of_file(EXAMPLE)
    secrets = Secrets(tmp_path / "secrets", SecretStr(new_key()))
    kinds, mention = networks.of_environment(), uuid4()
    ours = Accounts(organisation, kinds, secrets, utc_now)
    connections = Connections(organisation, secrets, ours.connections, ours.log_in)
    app = ingest_social.api.application(engine, access(tmp_path), list, connections, kinds)
    async with engine.begin() as tx:
        post = {
            "interaction_id": mention,
            "network": "bluesky",
            "native_id": "at://jo/1",
            "accepted_at": utc_now(),
        }
        others = ("account", "revision", "author", "speaker_key", "kind", "visibility", "text")
        await tx.execute(insert(posts.POST).values(**post, record={}, **dict.fromkeys(others, "public")))
    repeating = Repeating(app, engine)
    client = over(repeating, tmp_path)
    family = "\N{WOMAN}\u200d\N{GIRL}"
    seen = (
        await client.ask("POST", "/posts/preview", {"text": f"{family} " * 200, "answers": str(mention)})
    ).json()
    assert [(part["characters"], part["bytes"]) for part in seen["parts"]] == [(299, 1769), (111, 641)]
    assert [part["text"][-6:] for part in seen["parts"]] == [" (1/2)", " (2/2)"]
    assert (seen["limits"]["parts"], seen["is_refused"], seen["visibility"]) == (3, False, "public")
    await client.ask("POST", "/posts/preview", {"text": "a", "answers": str(uuid4())}, expected=404)
    assert (repeating.wrong, repeating.repeated) == (
        [],
        operations(app, but=[FAILED_EVENTS, "connections"]),
    )


async def test_a_repeat_about_connections_and_failed_events_gets_the_first_answer(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    engine, organisation = await new_database("ingest_email"), ActiveOrganisation.of_file(EXAMPLE)
    mailbox = ImapMailbox(host="127.0.0.1", user="pool", tls="none")
    published_accounts(organisation, EmailAccount(address="pool@banksia.example", name="Pool", imap=mailbox))
    secrets = Secrets(tmp_path / "secrets", SecretStr(new_key()))
    connections = Connections(
        organisation, secrets, accounts.connections, lambda one: imap_session.log_in(one, secrets)
    )
    app = ingest_email.api.application(engine, access(tmp_path), connections)
    repeating = Repeating(app, engine)
    client = over(repeating, tmp_path)
    async with engine.begin() as tx:
        letter = Record("cases", 0, 1, b"key", b"words", ())
        await dead_letters.keep(tx, [(letter, "an unknown type")], utc_now())
        await outbox.publish(tx, outgoing("customers", customers(["Ada"])))
        (event,) = (await tx.execute(text("select id from outbox"))).scalars()
        await parked_events.park(driver_of(tx), {event: "Kafka refused it"})
    olga: dict[str, Any] = {"role": Role.OPERATIONS, "who": "olga"}
    await client.ask("POST", "/connections/pool@banksia.example/test", **olga)
    for path, identity in (("/dead-letters", "dead_letter_id"), ("/parked-events", "parked_event_id")):
        (failed,) = (await client.ask("GET", path, **olga)).json()["items"]
        await client.ask("POST", f"{path}/{failed[identity]}/replay", **olga)
    assert (repeating.wrong, repeating.repeated) == ([], operations(app))


async def test_a_repeat_about_work_gets_the_first_answer_and_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    pool = AgentPool(await new_database("routing"))
    await pool.organise(queue("planning", may_pick=True, extend_offer={"by": "30s"}))
    app = routing.api.application(
        pool.engine, access(tmp_path), ChangeFeed(pool.engine), lambda: pool.now, pool.configurations
    )
    repeating = Repeating(app, pool.engine)
    client = over(repeating, tmp_path)

    async def offered(number: int) -> str:
        await pool.apply(opened(number, pool.now))
        await pool.assign()
        (offer,) = (await client.ask("GET", "/offers/me")).json()["items"]
        return f"/offers/{offer['offer_id']}"

    await client.ask("PUT", "/agents/me/presence", {"presence": "available"})
    await client.ask("POST", "/agents/me/heartbeat")
    await client.ask("POST", f"{await offered(1)}/accept")
    offer = await offered(2)
    await client.ask("POST", f"{offer}/extend")
    await client.ask("POST", f"{offer}/decline", {})
    await client.ask("PUT", "/agents/me/presence", {"presence": "busy"})
    await client.ask("POST", "/agents/me/next")
    await pool.apply(opened(3, pool.now))
    path = {name: f"/work/{work.work_item_id}" for name, work in (await pool.works()).items()}
    await client.ask("POST", f"{path['C-1']}/complete", {"reason": "by phone"})
    await client.ask("POST", f"{path['C-3']}/pick")
    sam: dict[str, Any] = {"role": Role.SUPERVISOR, "who": "sam"}
    await client.ask("POST", f"{path['C-2']}/take-back", {"reason": "a meeting"}, **sam)
    await client.ask("PUT", "/agents/me/presence", {"presence": "available"})
    await client.ask("POST", f"{path['C-2']}/assign", {"agent_id": "elena"}, **sam)
    await client.ask("PATCH", path["C-2"], {"priority": 80}, **sam)
    await client.ask("POST", f"{path['C-2']}/transfer", {"queue": "rates"})
    assert (repeating.wrong, repeating.repeated) == ([], operations(app, of=AGENTS_AND_WORK))


async def test_a_repeat_about_the_configuration_gets_the_first_answer_and_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    engine, configurations = await new_database("routing"), Configurations()
    app = routing.api.application(engine, access(tmp_path), ChangeFeed(engine), utc_now, configurations)
    repeating = Repeating(app, engine)
    client = over(repeating, tmp_path)
    olga: dict[str, Any] = {"role": Role.OPERATIONS, "who": "olga"}
    why = {"why": "rates day"}

    async def load(source: str) -> None:
        async with engine.begin() as tx:
            await configurations.load(tx, source, "council.yaml", "test", utc_now())

    async def draft(source: str) -> tuple[str, str]:
        made = await client.ask("POST", "/drafts", {"name": "A change", "source": source, **why}, **olga)
        return f"/drafts/{made.json()['draft_id']}", made.headers["etag"]

    async def published(path: str, tag: str, **plan: Any) -> str:
        made = await client.ask("POST", f"{path}/publish", {**why, **plan}, tag=tag, **olga)
        return f"/publications/{made.json()['publication']['publication_id']}"

    changed = COUNCIL.replace("{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,")
    await load(COUNCIL)
    await client.ask("POST", "/configuration/check", content=COUNCIL, **olga)
    promise = {"from": "2026-12-24T15:00:00Z", "within": "4h"}
    await client.ask("POST", "/configuration/calendars/office/due", promise, **olga)
    opening = opened(1, utc_now())
    await Harness(engine).apply(opening)
    case = str(opening.case.case_id)
    await client.ask("POST", "/configuration/try-condition", {"when": "true", "case_id": case}, **olga)
    path, tag = await draft(changed)
    await client.ask("POST", f"{path}/trial", {}, **olga)
    await client.ask("POST", f"{path}/shadow", why, **olga)
    publication = await published(path, tag, rollout=30)
    await client.ask("POST", f"{publication}/widen", {"rollout": 60, **why}, **olga)
    await client.ask("POST", f"{publication}/end", why, **olga)
    approval = "\npublishing: { needs_approval: true }\n"
    await load(COUNCIL + approval)
    publication = await published(*await draft(changed + approval))
    await client.ask("POST", f"{publication}/approve", why, role=Role.OPERATIONS, who="otto")
    tag = (await client.ask("GET", "/configuration", **olga)).headers["etag"]
    await client.ask("POST", "/configuration/back", why, tag=tag, **olga)
    assert (repeating.wrong, repeating.repeated) == (
        [],
        operations(app, but=[*AGENTS_AND_WORK, FAILED_EVENTS]),
    )


def reply_to(interaction: str) -> ReplyRequested:
    return ReplyRequested(
        reply_id=uuid4(), case_id=uuid4(), channel="phone", case_reference="C-1", customer_id=uuid4(),
        answers=UUID(interaction), account="phone", visibility="private", text="Yes.",
        author=Actor(kind="agent", id="elena", name="Elena"), case_token="c-1-x", requested_at=utc_now(),
    )  # fmt: skip


async def test_twenty_requests_at_once_under_one_key_take_effect_once(
    client: Client, cases_engine: AsyncEngine, notes: str
) -> None:
    answers = await asyncio.gather(*(client.ask("POST", notes, NOTE, key="k") for _ in range(20)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert (
        sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == [""] + ["true"] * 19
    )
    assert await count(cases_engine, "case_entry where kind = 'note'") == 1


OTHERS: list[Callable[[str], dict[str, Any]]] = [
    lambda notes: {"path": notes, "body": {"text": "Another."}},
    lambda notes: {"path": notes.replace(notes.split("/")[2], str(uuid4())), "body": NOTE},
]


@pytest.mark.parametrize("other", OTHERS, ids=["body", "path"])
async def test_another_request_under_a_used_key_gets_422_and_has_no_effect(
    client: Client, cases_engine: AsyncEngine, notes: str, other: Callable[[str], dict[str, Any]]
) -> None:
    await client.ask("POST", notes, NOTE, key="k")
    before = await state(cases_engine)
    refused = await client.ask("POST", **other(notes), key="k", expected=422)
    assert refused.json()["type"] == Kind.IDEMPOTENCY_KEY_REUSED.type
    assert refused.json()["errors"][0]["header"] == "Idempotency-Key"
    assert await state(cases_engine) == before


async def test_each_caller_and_each_operation_has_its_own_keys(
    client: Client, cases_engine: AsyncEngine, notes: str
) -> None:
    await client.ask("POST", notes, NOTE, key="k")
    await client.ask("POST", notes, NOTE, key="k", who="bruno")
    path = notes.replace("/notes", "/status")
    await client.ask("POST", path, {"status": "resolved", "reason": "by phone"}, key="k")
    assert await count(cases_engine, "idempotency_key") == 3
    assert await count(cases_engine, "case_entry where kind = 'note'") == 2


async def test_a_refused_request_leaves_its_key_free(
    client: Client, cases_engine: AsyncEngine, notes: str
) -> None:
    path = notes.replace("/notes", "/status")
    await client.ask("POST", path, {"status": "closed", "reason": "x" * 5000}, key="k", expected=422)
    await client.ask("POST", path, {"status": "resolved", "reason": "by phone"}, key="k")
    await client.ask("POST", notes.replace(notes.split("/")[2], str(uuid4())), NOTE, key="k", expected=404)
    await client.ask("POST", notes, NOTE, key="k")
    assert await count(cases_engine, "idempotency_key") == 2


async def test_a_key_is_forgotten_with_its_answer_after_its_time(
    client: Client, cases_engine: AsyncEngine, notes: str
) -> None:
    for key in ("old", "new"):
        await client.ask("POST", notes, NOTE, key=key)
    async with cases_engine.begin() as tx:
        await tx.execute(
            text(
                "update idempotency_key set claimed_at = now() - interval '25 h' where idempotency_key = 'old'"
            )
        )
    assert await idempotency.forget_older(cases_engine, timedelta(hours=24)) == 1
    again = await client.ask("POST", notes, NOTE, key="new")
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in (await client.ask("POST", notes, NOTE, key="old")).headers


async def test_without_a_key_no_answer_is_kept(client: Client, cases_engine: AsyncEngine, notes: str) -> None:
    await client.ask("POST", notes, NOTE)
    assert await count(cases_engine, "idempotency_key") == 0


async def test_a_json_text_with_the_same_value_is_the_same_body(client: Client, notes: str) -> None:
    path = notes.replace("/notes", "/status")
    first, second = b'{"status":"open","reason":"a"}', b'{ "reason": "\\u0061", "status": "open" }'
    await client.ask("POST", path, key="k", content=first, kind="application/json")
    again = await client.ask("POST", path, key="k", content=second, kind="application/json")
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "with space"])
async def test_a_key_that_is_not_1_to_255_visible_characters_gets_422(
    client: Client, notes: str, key: str
) -> None:
    refused = await client.ask("POST", notes, NOTE, key=key, expected=422)
    assert refused.json()["errors"][0]["header"] == "Idempotency-Key"
