import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Identifier, Interaction, InteractionReceived
from antiphon.contracts.replies import ReplyFailed, ReplyRequested, ReplySent
from antiphon.delivery import store, views
from antiphon.delivery.views import OutgoingReply
from ingest_email import replies
from ingest_email.domain.accounts import OurMail
from ingest_email.sender import create_sender
from ingest_email.settings import Settings
from tests.support.mail import deliver, events, mail, now, port_of, until
from tests.support.statements import counted

Act = Callable[[SMTP, Envelope], Awaitable[str]]


async def accept(_server: SMTP, _envelope: Envelope) -> str:
    return "250 2.0.0 taken"


async def refuse(_server: SMTP, _envelope: Envelope) -> str:
    return "550 5.1.1 no such user"


async def defer(_server: SMTP, _envelope: Envelope) -> str:
    return "450 4.2.1 busy"


async def drop(server: SMTP, _envelope: Envelope) -> str:
    assert server.transport is not None
    server.transport.close()
    return "421 gone"


async def hang(_server: SMTP, _envelope: Envelope) -> str:
    await asyncio.Event().wait()
    return "unreachable"


@dataclass
class OtherSide:
    """A real mail server. Its answers to DATA are given in advance for each domain; the last one is repeated."""

    acts: dict[str, list[Act]]
    taken: list[bytes] = field(default_factory=list[bytes])
    recipients: list[str] = field(default_factory=list[str])

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        acts = self.acts[envelope.rcpt_tos[0].rpartition("@")[2]]
        self.taken.append(envelope.original_content or b"")
        self.recipients += envelope.rcpt_tos
        return await (acts.pop(0) if len(acts) > 1 else acts[0])(server, envelope)


@asynccontextmanager
async def sending(
    settings: Settings, engine: AsyncEngine, other: OtherSide, **changed: object
) -> AsyncGenerator[None]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(other, hostname="other", loop=loop), "127.0.0.1", 0)
    changes = {
        "relay_port": port_of(server), "retry_first_after": timedelta(milliseconds=50),
        "retry_at_most_every": timedelta(milliseconds=50), **changed,
    }  # fmt: skip
    task = asyncio.create_task(create_sender(settings.model_copy(update=changes), engine).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()


async def ask(
    engine: AsyncEngine, ours: OurMail, smtp_port: int, *, sender: str = "jo@mail.example", **headers: str
) -> ReplyRequested:
    """A mail comes in and somebody answers it."""
    number = uuid4().int
    await deliver(smtp_port, mail(number, From=f"Jo <{sender}>", **headers))
    received = [event for event in await events(engine) if isinstance(event, InteractionReceived)][-1]
    request = asked_of(received.interaction)
    await take(engine, ours, request)
    return request


def asked_of(interaction: Interaction) -> ReplyRequested:
    return ReplyRequested(
        reply_id=uuid4(),
        case_id=uuid4(),
        channel="email",
        case_reference="C-1",
        customer_id=uuid4(),
        answers=interaction.interaction_id,
        recipient=interaction.recipient,
        account="council@banksia.example",
        visibility="private",
        text="We come on Friday.",
        author=Actor(kind="agent", id="chloe", name="Chloe Nguyen"),
        case_token="c-1-sig",
        requested_at=now(),
    )


async def take(engine: AsyncEngine, ours: OurMail, *requests: ReplyRequested) -> None:
    async with engine.begin() as tx:
        await replies.take_replies(tx, requests, ours, now())


async def reply(engine: AsyncEngine, reply_id: UUID) -> tuple[OutgoingReply, list[str | None]]:
    async with engine.connect() as connection:
        found = await views.show(connection, reply_id)
    assert found is not None
    return found, [attempt.outcome for attempt in found.attempts]


async def ended(engine: AsyncEngine, request: ReplyRequested) -> tuple[OutgoingReply, list[str | None]]:
    async def has_ended() -> bool:
        return (await reply(engine, request.reply_id))[0].state != "waiting"

    await until(has_ended)
    return await reply(engine, request.reply_id)


async def test_a_reply_reaches_the_customer_threaded_and_is_published_as_sent(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"mail.example": [accept]})
    async with sending(settings, engine, other):
        request = await ask(engine, ours, smtp_port)
        row, attempts = await ended(engine, request)
    assert (row.state, attempts) == ("sent", ["accepted"])
    (raw,) = other.taken
    sent_mail = message_from_bytes(raw, policy=policy.default)
    assert sent_mail["Message-ID"] == f"<reply-{request.reply_id}@banksia.example>"
    assert sent_mail["Reply-To"].addresses[0].addr_spec == "council+c-1-sig@banksia.example"
    sent = (await events(engine))[-1]
    assert isinstance(sent, ReplySent)
    assert sent.native_ids == [sent_mail["Message-ID"]]
    assert sent.author.id == "chloe"


async def test_an_answer_leaves_for_the_recipient_of_its_request_and_for_nobody_else(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"mail.example": [accept], "evil.example": [accept]})
    async with sending(settings, engine, other):
        forged = await ask(engine, ours, smtp_port, Reply_To="mallory@evil.example, more@evil.example")
        await ended(engine, forged)
        to_jo = forged.model_copy(
            update={"reply_id": uuid4(), "recipient": Identifier(kind="email", value="jo@mail.example")}
        )
        older = forged.model_copy(update={"reply_id": uuid4(), "recipient": None})
        for request in (to_jo, older):
            await take(engine, ours, request)
            await ended(engine, request)
    assert other.recipients == ["mallory@evil.example", "jo@mail.example", "jo@mail.example"]


async def test_an_automatic_reply_goes_to_the_envelope_sender_without_a_strangers_words(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"evil.example": [accept], "mail.example": [accept], "target.example": [accept]})
    evil = {
        "From": '"Refund: https://evil.example/pay" <jo@mail.example>',
        "Reply-To": "victim@target.example",
        "Subject": "Locked, verify at https://evil.example/login",
    }
    await deliver(smtp_port, mail(1, **evil), sender="spammer@evil.example")
    await deliver(smtp_port, mail(2, **evil), sender="")
    first, second = [
        event.interaction for event in await events(engine) if isinstance(event, InteractionReceived)
    ]
    assert second.return_path is None
    async with sending(settings, engine, other):
        for interaction, to in (
            (first, first.return_path),
            (first, first.recipient),
            (second, second.recipient),
        ):
            request = asked_of(interaction).model_copy(update={"automation": "auto-reply", "recipient": to})
            await take(engine, ours, request)
            await ended(engine, request)
    assert other.recipients == ["spammer@evil.example"]
    (raw,) = other.taken
    assert b"https" not in raw
    assert message_from_bytes(raw)["Subject"] == "We have received your message"


@pytest.mark.parametrize(("act", "outcome"), [(defer, "later"), (drop, "unknown"), (hang, "unknown")])
async def test_a_transient_failure_is_attempted_again_with_the_same_bytes(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int, act: Act, outcome: str
) -> None:
    other = OtherSide({"mail.example": [act, act, accept]})
    async with sending(settings, engine, other, send_timeout=timedelta(milliseconds=500)):
        row, attempts = await ended(engine, await ask(engine, ours, smtp_port))
    assert (row.state, attempts) == ("sent", [outcome, outcome, "accepted"])
    assert len(other.taken) == 3
    assert len(set(other.taken)) == 1


async def test_a_permanent_refusal_fails_the_reply_with_the_reason_of_the_server(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    async with sending(settings, engine, OtherSide({"mail.example": [refuse]})):
        row, attempts = await ended(engine, await ask(engine, ours, smtp_port))
    assert (row.state, attempts) == ("failed", ["refused"])
    failed = (await events(engine))[-1]
    assert isinstance(failed, ReplyFailed)
    assert (failed.outcome, failed.reason, failed.attempts) == ("refused", "550 5.1.1 no such user", 1)


async def test_a_failure_that_lasts_is_given_up_in_the_end(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"mail.example": [defer]})
    async with sending(settings, engine, other, give_up_after=timedelta(milliseconds=400)):
        row, attempts = await ended(engine, await ask(engine, ours, smtp_port))
    assert row.state == "failed"
    assert len(attempts) > 1
    failed = (await events(engine))[-1]
    assert isinstance(failed, ReplyFailed)
    assert failed.outcome == "gave-up"


async def test_a_relay_that_is_away_is_waited_for(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    request = await ask(engine, ours, smtp_port)
    nobody = settings.model_copy(
        update={"relay_port": 1, "retry_first_after": timedelta(0), "retry_at_most_every": timedelta(0)}
    )
    task = asyncio.create_task(create_sender(nobody, engine).run())

    async def was_tried() -> bool:
        return (await reply(engine, request.reply_id))[1][:1] == ["later"]

    await until(was_tried)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_slow_server_holds_up_only_its_own_mail(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"slow.example": [hang], "mail.example": [accept]})
    for _ in range(10):
        await ask(engine, ours, smtp_port, sender="jo@slow.example")
    async with sending(settings, engine, other, sends_at_once=6, sends_at_once_per_destination=2):
        row, _ = await ended(engine, await ask(engine, ours, smtp_port))
    assert row.state == "sent"


async def test_an_attempt_that_was_cut_off_is_made_again_when_its_lease_is_over(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    request = await ask(engine, ours, smtp_port)
    async with engine.begin() as tx:
        cut = await store.claim(tx, timedelta(milliseconds=200), [])
    assert cut is not None
    async with engine.begin() as tx:
        assert await store.claim(tx, timedelta(0), []) is None
    async with sending(settings, engine, OtherSide({"mail.example": [accept]})):
        row, attempts = await ended(engine, request)
    assert (row.state, attempts) == ("sent", [None, "accepted"])


async def test_the_same_request_twice_is_sent_once(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    other = OtherSide({"mail.example": [accept]})
    request = await ask(engine, ours, smtp_port)
    await take(engine, ours, request, request)
    async with sending(settings, engine, other):
        await ended(engine, request)
        await take(engine, ours, request)
        await ended(engine, await ask(engine, ours, smtp_port))
    assert len(other.taken) == 2
    assert [type(event) for event in await events(engine)].count(ReplySent) == 2


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"List_Id": "<x.example>"}, {"sender": "rates@banksia.example"}],
)
async def test_what_a_machine_wrote_and_our_own_addresses_are_never_answered(
    engine: AsyncEngine, ours: OurMail, smtp_port: int, headers: dict[str, str]
) -> None:
    request = await ask(engine, ours, smtp_port, **headers)
    row, attempts = await reply(engine, request.reply_id)
    assert (row.state, attempts) == ("failed", [])
    failed = (await events(engine))[-1]
    assert isinstance(failed, ReplyFailed)
    assert failed.outcome == "refused"


async def test_an_answer_to_a_mail_that_nobody_knows_fails_at_once(
    engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    request = await ask(engine, ours, smtp_port)
    stray = request.model_copy(update={"reply_id": uuid4(), "answers": uuid4()})
    await take(engine, ours, stray)
    assert (await reply(engine, stray.reply_id))[0].state == "failed"


async def test_a_permanent_bounce_of_a_sent_reply_is_published_once(
    settings: Settings, engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    async with sending(settings, engine, OtherSide({"mail.example": [accept]})):
        request = await ask(engine, ours, smtp_port)
        await ended(engine, request)
    body = (
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <reply-{request.reply_id}@banksia.example>\r\n\r\n--b--\r\n"
    )
    report = 'multipart/report; report-type=delivery-status; boundary="b"'
    for number in (7, 8):
        bounce = mail(number, body, From="mailer-daemon@mail.example", Content_Type=report)
        await deliver(smtp_port, bounce, "council+c-1-sig@banksia.example", sender="")
    published = await events(engine)
    failed = [event for event in published if isinstance(event, ReplyFailed)]
    assert [(event.reply_id, event.outcome, event.reason) for event in failed] == [
        (request.reply_id, "refused", "5.1.1")
    ]
    received = [event for event in published if isinstance(event, InteractionReceived)][-1]
    assert received.interaction.automation == "bounce"
    assert received.interaction.thread.case_token == "c-1-sig"


async def test_a_batch_of_answers_costs_a_fixed_number_of_statements(
    engine: AsyncEngine, ours: OurMail, smtp_port: int
) -> None:
    request = await ask(engine, ours, smtp_port)
    batch = [request.model_copy(update={"reply_id": uuid4()}) for _ in range(250)]
    batch += [request.model_copy(update={"reply_id": uuid4(), "answers": uuid4()}) for _ in range(250)]
    with counted(engine) as statements:
        await take(engine, ours, *batch)
    assert len(statements) == 3
