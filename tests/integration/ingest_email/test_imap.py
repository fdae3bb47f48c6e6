import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from imaplib import IMAP4

import httpx
import pytest
from imapclient import IMAPClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.secrets import Secrets
from antiphon.connections.supervisor import Supervisor
from antiphon.delivery.entry_counts import EntryCounts
from antiphon.organisation.channels import EmailAccount, ImapMailbox
from deploy.site import Ports, Site
from deploy.world import MailServer, jars
from ingest_email.active_mail import ActiveMail
from ingest_email.domain import accounts
from ingest_email.domain.accounts import OurMail
from ingest_email.imap import follower
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from ingest_email.store import cursors, mails
from ingest_email.store.base import DELIVERY
from tests.fuzz.growing import GROWING
from tests.support.mail import COUNCIL, counts, deliver, mail, now, published, until


@dataclass
class World:
    server: MailServer
    account: EmailAccount
    organisation: ActiveOrganisation
    active: ActiveMail
    secrets: Secrets

    def client(self) -> IMAPClient:
        client = IMAPClient("127.0.0.1", self.server.imap_port, ssl=False)
        client.login(COUNCIL, self.server.password(COUNCIL))
        client.select_folder("INBOX")
        return client

    async def flags(self) -> dict[int, set[bytes]]:
        def ask() -> dict[int, set[bytes]]:
            while True:
                # GreenMail ends a session when another one changes its folder at that moment
                # (`ImapSessionFolder.getExpunged` raises "Need to do this properly"): ask in a new session.
                with contextlib.suppress(IMAP4.abort), self.client() as client:
                    fetched = client.fetch(client.search(), ["FLAGS"])
                    return {uid: set(client_flags(data)) for uid, data in fetched.items()}

        return await asyncio.to_thread(ask)


def client_flags(data: object) -> tuple[bytes, ...]:
    assert isinstance(data, dict)
    return tuple(flag for flag in data[b"FLAGS"] if flag in {b"\\Seen", b"\\Flagged"})


@pytest.fixture
def world(mail_site: Site, organisation: ActiveOrganisation, secrets: Secrets) -> Iterator[World]:
    site = replace(mail_site, ports=Ports.free())
    if not list(jars(site).glob("greenmail-standalone-*.jar")):
        pytest.skip("GreenMail is not installed: make set-up")
    server = MailServer(site, [COUNCIL])
    server.start()
    mailbox = ImapMailbox(host="127.0.0.1", port=server.imap_port, user=COUNCIL, tls="none")
    account = EmailAccount(address=COUNCIL, name="City of Banksia", imap=mailbox)
    published(organisation, account)
    secrets.store(COUNCIL, f"127.0.0.1:{server.imap_port} (none)", server.password(COUNCIL))
    yield World(server, account, organisation, ActiveMail(organisation), secrets)
    server.stop()


@asynccontextmanager
async def reading(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> AsyncGenerator[None]:
    supervisor = Supervisor(
        engine,
        world.organisation,
        accounts.connections,
        follower(settings, engine, readers, world.active, world.secrets, now),
        now,
    )
    task = asyncio.create_task(supervisor.run())
    try:
        yield
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results


async def counted(engine: AsyncEngine, expected: EntryCounts) -> None:
    async def agrees() -> bool:
        return await counts(engine) == expected

    await until(agrees)


async def marked(world: World, expected: dict[int, set[bytes]]) -> None:
    async def agrees() -> bool:
        return await world.flags() == expected

    await until(agrees)


async def test_a_mailbox_is_read_and_followed(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=1, interactions=1, duplicates=0, quarantined=0))
        await deliver(world.server.smtp_port, mail(2))
        await deliver(world.server.smtp_port, mail(3))
        await counted(engine, EntryCounts(received=3, interactions=3, duplicates=0, quarantined=0))
        await marked(world, {uid: {b"\\Seen"} for uid in (1, 2, 3)})
    async with engine.connect() as connection:
        assert await connection.scalar(select(cursors.IMAP_CURSOR.c.last_uid)) == 3
        raws = (await connection.scalars(select(mails.MAIL.c.raw))).all()
        kept = (await connection.execute(select(mails.MAIL.c.interaction, mails.MAIL.c.mail_from))).all()
    assert all(b"The pothole is back." in raw for raw in raws)
    # What the delivering server wrote above the mail; SMTP said nothing here.
    assert {(row.interaction["return_path"]["value"], row.mail_from) for row in kept} == {
        ("jo@mail.example", None)
    }


async def test_mails_that_come_while_others_are_read_do_not_wait_for_the_next_renewal(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    async with reading(world, settings, engine, readers):
        for number in range(1, 41):
            await deliver(world.server.smtp_port, mail(number))
        await counted(engine, EntryCounts(received=40, interactions=40, duplicates=0, quarantined=0))


async def test_after_a_restart_reading_goes_on_where_it_was(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=1, interactions=1, duplicates=0, quarantined=0))
    await deliver(world.server.smtp_port, mail(2))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=2, interactions=2, duplicates=0, quarantined=0))


async def test_a_mail_kept_but_not_marked_is_marked_and_not_read_again(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1))
    async with reading(world, settings, engine, readers):
        await marked(world, {1: {b"\\Seen"}})
    with world.client() as client:
        client.remove_flags([1], [b"\\Seen"])
    async with reading(world, settings, engine, readers):
        await marked(world, {1: {b"\\Seen"}})
    assert (await counts(engine)).received == 1


async def test_when_uidvalidity_changes_the_stored_mails_are_duplicates(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1))
    place = f"{COUNCIL}@127.0.0.1:{world.server.imap_port}/INBOX"
    async with engine.begin() as tx:
        await cursors.move_cursor(tx, place, 4711, 99, now())
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=1, interactions=1, duplicates=0, quarantined=0))
    async with engine.begin() as tx:
        await cursors.move_cursor(tx, place, 4711, 99, now())
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=2, interactions=1, duplicates=1, quarantined=0))


async def test_the_same_mail_by_smtp_and_imap_is_one_interaction(
    world: World, smtp_port: int, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(smtp_port, mail(1))
    await deliver(world.server.smtp_port, mail(1))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=2, interactions=1, duplicates=1, quarantined=0))


async def test_a_mail_that_is_too_large_stays_flagged_and_the_next_is_read(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1, body="x\r\n" * 100_000))
    await deliver(world.server.smtp_port, mail(2))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=2, interactions=1, duplicates=0, quarantined=1))
        await marked(world, {1: {b"\\Flagged"}, 2: {b"\\Seen"}})
    async with engine.connect() as connection:
        reasons = (await connection.scalars(select(DELIVERY.c.reason))).all()
    assert any(reason and "more than 200000: UID 1 of" in reason for reason in reasons)


async def test_a_server_that_comes_back_is_read_again(
    world: World, settings: Settings, engine: AsyncEngine, readers: Readers
) -> None:
    await deliver(world.server.smtp_port, mail(1))
    async with reading(world, settings, engine, readers):
        await counted(engine, EntryCounts(received=1, interactions=1, duplicates=0, quarantined=0))
        await asyncio.to_thread(world.server.stop)
        await asyncio.to_thread(world.server.start)
        await deliver(world.server.smtp_port, mail(2))
        await counted(engine, EntryCounts(received=2, interactions=2, duplicates=0, quarantined=0))


async def test_a_mail_that_no_worker_can_read_is_kept_and_marked_and_the_next_is_read(
    world: World, settings: Settings, engine: AsyncEngine, ours: OurMail, api: httpx.AsyncClient
) -> None:
    tight = settings.model_copy(
        update={"size_limit": 10_000_000, "read_cpu_limit": timedelta(milliseconds=250)}
    )
    await deliver(world.server.smtp_port, GROWING["blank lines between words"](8_000_000))
    await deliver(world.server.smtp_port, mail(2))
    async with Readers(tight, now) as readers, reading(world, tight, engine, readers):
        await counted(engine, EntryCounts(received=2, interactions=2, duplicates=0, quarantined=0))
        await marked(world, {uid: {b"\\Seen"} for uid in (1, 2)})
    shown = (await api.get("/mails", params={"defects": True})).json()["items"]
    (unread,) = [one for one in shown if "mail-unreadable" in one["defects"]]
    raw = (await api.get(f"/mails/{unread['interaction_id']}/raw")).content
    assert raw.count(b"\n") > 3_000_000
    assert (await counts(engine)).received == 2
    async with engine.connect() as connection:
        assert await connection.scalar(select(cursors.IMAP_CURSOR.c.last_uid)) == 2
