import asyncio
import hashlib
import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

import aiosmtplib
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.interactions import InteractionReceived
from antiphon.delivery.entry_counts import EntryCounts
from deploy.postgres import Postgres
from ingest_email import smtp
from ingest_email.active_mail import ActiveMail
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from ingest_email.store import mails
from tests.support.mail import COUNCIL, counts, deliver, events, mail, now, port_of, until


async def test_every_mail_of_the_corpus_is_taken_and_its_bytes_are_kept(
    smtp_port: int, engine: AsyncEngine, corpus: list[Path]
) -> None:
    raws = [path.read_bytes() for path in corpus]
    for raw in raws:
        assert (await deliver(smtp_port, raw)).startswith("2.0.0 Kept as")
    counted = await counts(engine)
    assert counted.received == len(raws) > 100
    assert counted.quarantined == 0
    async with engine.connect() as connection:
        kept = (await connection.execute(select(mails.MAIL.c.raw, mails.MAIL.c.raw_sha256))).all()
    assert len(kept) == counted.interactions == len(await events(engine))
    sent = {raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n") for raw in raws}
    for row in kept:
        assert hashlib.sha256(row.raw).hexdigest() == row.raw_sha256
        assert row.raw.replace(b"\r\n", b"\n").rstrip(b"\n") in sent


async def test_the_same_mail_again_and_at_the_same_moment_is_one_interaction(
    smtp_port: int, engine: AsyncEngine
) -> None:
    await deliver(smtp_port, mail(1))
    await deliver(smtp_port, mail(1), "rates@banksia.example")
    await deliver(smtp_port, b"Received: again\r\n" + mail(1))
    assert await counts(engine) == EntryCounts(received=3, interactions=1, duplicates=2, quarantined=0)
    await asyncio.gather(*(deliver(smtp_port, mail(2)) for _ in range(8)))
    assert await counts(engine) == EntryCounts(received=11, interactions=2, duplicates=9, quarantined=0)
    assert len(await events(engine)) == 2


async def test_a_mail_to_several_of_our_addresses_is_one_interaction(
    smtp_port: int, engine: AsyncEngine
) -> None:
    await deliver(smtp_port, mail(), COUNCIL, "rates@banksia.example", "council+c-1-x@banksia.example")
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    assert event.interaction.account == "rates@banksia.example"
    assert event.interaction.thread.case_token == "c-1-x"
    assert event.key == "email:jo@mail.example"


async def test_an_address_that_is_not_ours_is_refused(smtp_port: int, engine: AsyncEngine) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await deliver(smtp_port, mail(), "mayor@banksia.example")
    assert refused.value.recipients[0].code == 550
    assert (await counts(engine)).received == 0


@pytest.mark.parametrize("body", ["x" * 300_000, "x\r\n" * 100_000, "x" * 3_000_000])
async def test_a_mail_that_is_too_large_is_refused(smtp_port: int, engine: AsyncEngine, body: str) -> None:
    with pytest.raises(aiosmtplib.SMTPResponseException) as declared:
        await deliver(smtp_port, mail(body=body))
    assert declared.value.code == 552
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=smtp_port) as client:
        await client.mail("jo@mail.example")
        await client.rcpt(COUNCIL)
        with pytest.raises(aiosmtplib.SMTPDataError) as undeclared:
            await client.data(mail(body=body))
        assert undeclared.value.code == 552
        await client.sendmail("jo@mail.example", [COUNCIL], mail())
    assert (await counts(engine)).received == 1


@pytest.mark.parametrize(
    "raw",
    [
        mail(body="x" * 150_000),
        mail(body="ä" * 10_000),
        mail(body=".\r\n..\r\n. end"),
        b"From: jo@mail.example\n\nbare\nline\nfeeds\n",
        b"",
        bytes(range(256)) * 10,
    ],
    ids=["long-line", "8bit", "dots", "bare-lf", "empty", "binary"],
)
async def test_an_unusual_mail_is_stored_byte_for_byte(
    smtp_port: int, engine: AsyncEngine, raw: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", smtp_port)
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in raw.split(b"\r\n"))
    for command in (b"EHLO x\r\n", b"MAIL FROM:<>\r\n", f"RCPT TO:<{COUNCIL}>\r\n".encode(), b"DATA\r\n"):
        writer.write(command)
        while (await reader.readline())[3:4] == b"-":
            pass
    writer.write(stuffed + b"\r\n.\r\n")
    answer = b""
    while not answer.startswith((b"250 2.0.0", b"4", b"5")):
        answer = await reader.readline()
    assert answer.startswith(b"250 2.0.0 Kept as"), answer
    writer.close()
    await writer.wait_closed()
    async with engine.connect() as connection:
        assert await connection.scalar(select(mails.MAIL.c.raw)) == raw + b"\r\n"


async def test_a_sender_whose_address_is_not_ascii_is_accepted(smtp_port: int, engine: AsyncEngine) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=smtp_port) as client:
        await client.mail("jö@mail.example", options=["SMTPUTF8"], encoding="utf-8")
        await client.rcpt(COUNCIL)
        await client.data(b"From: j\xc3\xb6@mail.example\r\n\r\nHello")
    (event,) = await events(engine)
    assert event.key == "email:jö@mail.example"


async def test_the_smtp_envelope_is_stored_with_the_mail(smtp_port: int, engine: AsyncEngine) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=smtp_port, local_hostname="evil.example") as client:
        await client.sendmail("Bounces@evil.example", [COUNCIL], mail(1))
    await deliver(smtp_port, mail(2), sender="")
    (first, second) = [event for event in await events(engine) if isinstance(event, InteractionReceived)]
    assert first.interaction.return_path is not None
    assert first.interaction.return_path.key == "email:bounces@evil.example"
    assert (second.interaction.return_path, second.interaction.automation) == (None, "bounce")
    async with engine.connect() as connection:
        kept = (
            await connection.execute(select(mails.MAIL.c.mail_from, mails.MAIL.c.peer, mails.MAIL.c.helo))
        ).all()
    assert {tuple(row)[:2] for row in kept} == {("Bounces@evil.example", "127.0.0.1"), ("", "127.0.0.1")}
    assert "evil.example" in {row.helo for row in kept}


async def test_while_the_database_is_away_the_sender_is_asked_to_come_again(
    smtp_port: int, engine: AsyncEngine, mail_postgres: Postgres
) -> None:
    await asyncio.to_thread(mail_postgres.stop)
    try:
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await deliver(smtp_port, mail())
        assert refused.value.code == 451
    finally:
        await asyncio.to_thread(mail_postgres.start)
    await deliver(smtp_port, mail())
    assert (await counts(engine)).interactions == 1


async def test_starttls_is_offered_when_there_is_a_certificate(
    settings: Settings, engine: AsyncEngine, active: ActiveMail, readers: Readers, tmp_path: Path
) -> None:
    certificate, key = _certificate(tmp_path)
    secure = settings.model_copy(update={"smtp_certificate": certificate, "smtp_key": key})
    server = await smtp.listen(secure, engine, active, readers)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port_of(server), start_tls=True, tls_context=trust
    ) as client:
        assert client.transport is not None
        assert client.transport.get_extra_info("ssl_object") is not None
        await client.sendmail("jo@mail.example", [COUNCIL], mail())
    server.close()

    async def is_kept() -> bool:
        return (await counts(engine)).interactions == 1

    await until(is_kept)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, secret
