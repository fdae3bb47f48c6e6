"""A mail of any size is stored whole, and its event is never larger than an event may be."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.fitting import MAX_INTERACTION_BYTES
from antiphon.contracts.interactions import InteractionReceived
from ingest_email import intake
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.mail import Envelope
from ingest_email.domain.parser import read_mail
from ingest_email.store import mails
from tests.support.mail import events, now

HEAD = (
    "From: Jo <jo@mail.example>\r\nTo: council@banksia.example\r\nSubject: Pothole\r\nMessage-ID: <1@mail.example>\r\n"
    "Date: Mon, 23 Nov 2026 10:00:00 +1100\r\nMIME-Version: 1.0\r\n"
)
PLAIN = 'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'


def with_files(count: int) -> bytes:
    name = "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 140
    parts = "".join(
        f'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="{name}{number}"\r\n\r\nx\r\n'
        for number in range(count)
    )
    words = "\N{PILE OF POO}" * 130_000
    return (
        f'{HEAD}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n{PLAIN}{words}\r\n{parts}--b--\r\n'
    ).encode()


async def kept(engine: AsyncEngine, ours: OurMail, raw: bytes) -> InteractionReceived:
    read = read_mail(raw, Envelope(), now(), ours)
    async with engine.begin() as tx:
        await intake.keep_mail(tx, raw, read, intake.Via.SMTP)
    async with engine.connect() as connection:
        row = (await connection.execute(select(mails.MAIL))).one()
    assert row.raw == raw
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    assert row.defects == event.interaction.defects
    assert len(event.interaction.model_dump_json().encode()) <= MAX_INTERACTION_BYTES
    return event


@pytest.mark.parametrize("character", ["\N{PILE OF POO}", "\x01"])
async def test_a_text_larger_than_an_event_is_cut_in_the_event_and_the_mail_stays_whole(
    engine: AsyncEngine, ours: OurMail, character: str
) -> None:
    event = await kept(engine, ours, f"{HEAD}{PLAIN}{character * 200_000}".encode())
    assert event.interaction.defects == ["text-cut"]
    assert event.interaction.content.text == character * len(event.interaction.content.text)
    assert len(event.interaction.content.text) > 100_000


async def test_files_that_do_not_fit_into_an_event_are_stored_all_the_same(
    engine: AsyncEngine, ours: OurMail
) -> None:
    event = await kept(engine, ours, with_files(400))
    assert event.interaction.defects == ["attachments-cut"]
    async with engine.connect() as connection:
        rows = await connection.execute(text("select attachment_id from attachment"))
        ids = {row.attachment_id for row in rows}
    assert len(ids) == 400
    named = {file.attachment_id for file in event.interaction.attachments}
    assert len(named) > 100
    assert named < ids
