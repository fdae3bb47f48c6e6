"""Addresses and mailboxes follow the active document, without a restart; passwords are files that nobody sees."""

import asyncio
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import aiosmtplib
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from antiphon.access.roles import Role
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.secrets import Secrets
from antiphon.connections.states import State
from antiphon.connections.store import Report, write
from antiphon.connections.supervisor import Supervisor
from antiphon.contracts.interactions import InteractionReceived
from antiphon.organisation.channels import EmailAccount, ImapMailbox
from deploy.site import Ports, Site
from deploy.world import MailServer
from ingest_email.active_mail import ActiveMail
from ingest_email.domain import accounts
from ingest_email.imap import follower
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from tests.support.mail import COUNCIL, bearer, counts, deliver, events, mail, now, published, until

POOL = "pool@banksia.example"
PARKS = "parks@banksia.example"


def account(address: str, imap: ImapMailbox | None = None) -> EmailAccount:
    return EmailAccount(address=address, name=address, imap=imap)


async def refusal(port: int, to: str) -> int | None:
    try:
        await deliver(port, mail(), to)
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return refused.recipients[0].code
    return None


async def test_an_address_is_accepted_when_published_and_refused_when_removed(
    smtp_port: int, organisation: ActiveOrganisation, engine: AsyncEngine
) -> None:
    assert await refusal(smtp_port, POOL) == 550
    published(organisation, account(COUNCIL), account(POOL))
    assert await refusal(smtp_port, POOL) is None
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    assert event.interaction.account == POOL
    published(organisation, account(COUNCIL))
    assert await refusal(smtp_port, POOL) == 550
    published(organisation)
    assert await refusal(smtp_port, COUNCIL) == 550


async def test_a_mail_is_read_by_the_addresses_that_accepted_its_recipient(
    smtp_port: int, organisation: ActiveOrganisation, engine: AsyncEngine
) -> None:
    published(organisation, account(COUNCIL), account(POOL))
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=smtp_port) as client:
        await client.mail("jo@mail.example")
        await client.rcpt(POOL)
        published(organisation)
        await client.data(mail(To=POOL))
        with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
            await client.rcpt(POOL)
    assert refused.value.code in {503, 550}
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    assert event.interaction.account == POOL


@dataclass
class Place:
    """A mail server with two mailboxes of ours, and what reads them."""

    server: MailServer
    organisation: ActiveOrganisation
    supervisor: Supervisor[accounts.MailConnection]

    def mailbox(self, address: str, **more: Any) -> ImapMailbox:
        values = {"host": "127.0.0.1", "port": self.server.imap_port, "user": address, "tls": "none"}
        return ImapMailbox.model_validate(values | more)

    def publish(self, *addresses: str, **more: Any) -> None:
        published(
            self.organisation, *(account(address, self.mailbox(address, **more)) for address in addresses)
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.supervisor.run())
        try:
            yield
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
def place(
    mail_site: Site, settings: Settings, engine: AsyncEngine, readers: Readers,
    organisation: ActiveOrganisation, active: ActiveMail, secrets: Secrets,
) -> Iterator[Place]:  # fmt: skip
    server = MailServer(replace(mail_site, ports=Ports.free()), [POOL, PARKS])
    server.start()
    follow = follower(settings, engine, readers, active, secrets, now)
    yield Place(server, organisation, Supervisor(engine, organisation, accounts.connections, follow, now))
    server.stop()


@pytest.fixture
def operations(api: httpx.AsyncClient, mail_site: Site) -> httpx.AsyncClient:
    api.headers.update(bearer(mail_site, Role.OPERATIONS))
    return api


async def connection(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    listed = await client.get("/connections")
    (found,) = [one for one in listed.json() if one["name"] == name]
    return found


async def in_state(client: httpx.AsyncClient, name: str, state: str, reason: str | None = None) -> None:
    async def is_so() -> bool:
        found = await connection(client, name)
        return (found["state"], found["reason"]) == (state, reason)

    await until(is_so)


async def received(engine: AsyncEngine, number: int) -> None:
    async def are() -> bool:
        return (await counts(engine)).received == number

    await until(are)


async def store(client: httpx.AsyncClient, name: str, secret: str) -> None:
    stored = await client.put(f"/connections/{name}/secret", json={"secret": secret})
    assert (stored.status_code, stored.content) == (204, b"")


async def test_mailboxes_are_read_as_the_document_says_each_for_itself(
    place: Place, operations: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with place.running():
        place.publish(POOL, PARKS)
        for address in (POOL, PARKS):
            await in_state(operations, address, "not-connected", "no-secret")
            await store(operations, address, place.server.password(address))
            await in_state(operations, address, "connected")
        readers = {task.get_name(): task for task in asyncio.all_tasks()}
        await deliver(place.server.smtp_port, mail(1, To=POOL), POOL)
        await deliver(place.server.smtp_port, mail(2, To=PARKS), PARKS)
        await received(engine, 2)
        place.publish(PARKS)
        await until(lambda: ended(readers[f"connection {POOL}"]))
        await deliver(place.server.smtp_port, mail(3, To=POOL), POOL)
        await deliver(place.server.smtp_port, mail(4, To=PARKS), PARKS)
        await received(engine, 3)
        assert not readers[f"connection {PARKS}"].done()
        place.publish(POOL, PARKS)
        await received(engine, 4)
        place.publish(POOL, PARKS, enabled=False)
        await in_state(operations, POOL, "disabled")
    assert {type(event) for event in await events(engine)} == {InteractionReceived}


async def ended(task: "asyncio.Task[Any]") -> bool:
    return task.done()


async def test_a_wrong_password_is_shown_as_such_and_a_right_one_connects_at_once(
    place: Place, operations: httpx.AsyncClient, settings: Settings
) -> None:
    right, wrong = place.server.password(POOL), "not the password"
    answers: list[str] = []
    place.publish(POOL)
    await store(operations, POOL, wrong)
    with capture_logs() as logs:
        async with place.running():
            await in_state(operations, POOL, "not-connected", "login-refused")
            tried = await operations.post(f"/connections/{POOL}/test")
            assert (tried.json()["state"], tried.json()["reason"]) == ("not-connected", "login-refused")
            await store(operations, POOL, right)
            # The pause after a refused login is a minute: `until` does not wait so long.
            await in_state(operations, POOL, "connected")
            tried = await operations.post(f"/connections/{POOL}/test")
            assert tried.json() == {"state": "connected", "reason": None, "detail": None, "error": None}
            shown = await connection(operations, POOL)
            answers += [tried.text, (await operations.get("/connections")).text]
    assert shown["kind"] == "imap"
    assert shown["configuration_version"] == 1
    assert shown["last_success_at"] > shown["last_error_at"]
    (file,) = settings.secrets.iterdir()
    assert file.name == POOL
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (right, wrong):
        assert secret.encode() not in file.read_bytes()
        assert secret not in repr(logs)
        assert not any(secret in answer for answer in answers)


async def test_a_mailbox_that_no_process_reports_any_more_is_not_connected(
    place: Place, operations: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    place.publish(POOL, PARKS)
    for address, age in ((POOL, timedelta(minutes=1)), (PARKS, timedelta(minutes=10))):
        async with engine.begin() as tx:
            await write(tx, [Report(address, State.CONNECTED, None, now(), None, None, now() - age)])
    assert (await connection(operations, POOL))["state"] == "connected"
    gone = await connection(operations, PARKS)
    assert (gone["state"], gone["reason"]) == ("not-connected", "not-reported")


async def test_a_password_is_not_sent_to_another_server_than_it_was_stored_for(
    place: Place, operations: httpx.AsyncClient
) -> None:
    place.publish(POOL)
    await store(operations, POOL, place.server.password(POOL))
    async with place.running():
        await in_state(operations, POOL, "connected")
        place.publish(POOL, host="localhost")
        await in_state(operations, POOL, "not-connected", "secret-of-another-server")


async def test_a_server_that_is_not_there_and_a_missing_folder_have_different_reasons(
    place: Place, operations: httpx.AsyncClient
) -> None:
    closed = Ports.free().smtp
    async with place.running():
        for changed, reason in (
            ({"port": closed}, "unreachable"),
            ({"host": "no-such-host.invalid"}, "unreachable"),
            ({"host": "a" * 100}, "unreachable"),
            ({"tls": "implicit"}, "tls-failed"),
            ({"tls": "starttls"}, "tls-failed"),
            ({"folder": "Nowhere"}, "server-refused"),
        ):
            place.publish(POOL, **changed)
            await store(operations, POOL, place.server.password(POOL))
            await in_state(operations, POOL, "not-connected", reason)


async def test_only_operations_store_a_password_and_only_for_what_logs_in(
    api: httpx.AsyncClient, mail_site: Site
) -> None:
    body = {"secret": "a password of the tests"}
    assert (await api.put(f"/connections/{COUNCIL}/secret", json=body)).status_code == 403
    assert (await api.post(f"/connections/{COUNCIL}/test")).status_code == 403
    assert (await connection(api, COUNCIL))["kind"] == "smtp"
    api.headers.update(bearer(mail_site, Role.OPERATIONS))
    assert (await api.put(f"/connections/{COUNCIL}/secret", json=body)).status_code == 409
    assert (await api.put(f"/connections/{POOL}/secret", json=body)).status_code == 404
    assert (await api.put("/connections/..%2F..%2Fetc/secret", json=body)).status_code == 404


@pytest.mark.parametrize("secret", ["", "x\r\nA2 DELETE INBOX", "x\x00", "x" * 5000])
async def test_a_password_that_could_be_a_command_is_refused_and_not_repeated(
    place: Place, operations: httpx.AsyncClient, secret: str
) -> None:
    place.publish(POOL)
    refused = await operations.put(f"/connections/{POOL}/secret", json={"secret": secret})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/secret"
    assert "DELETE" not in refused.text
