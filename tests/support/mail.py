"""What several tests of ingest-email need: mails, servers, counts and events."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiosmtplib
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.active_organisation import ActiveOrganisation, OrganisationVersion
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import decode
from antiphon.delivery.entry_counts import EntryCounts, read
from antiphon.organisation.channels import EmailAccount
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.site import Site

now = utc_now
COUNCIL = "council@banksia.example"


def published(active: ActiveOrganisation, *accounts: EmailAccount) -> None:
    """Makes a version of the document active that has these mail addresses."""
    number, organisation = active.current
    channels = organisation.channels.model_copy(update={"email": list(accounts)})
    active.replace(OrganisationVersion(number + 1, organisation.model_copy(update={"channels": channels})))


def mail(number: int = 1, body: str = "The pothole is back.", **headers: str) -> bytes:
    fields = {
        "From": "Jo Harris <jo@mail.example>",
        "To": COUNCIL,
        "Subject": "Pothole",
        "Date": "Mon, 23 Nov 2026 10:00:00 +1100",
        "Message-ID": f"<{number}@mail.example>",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return (
        "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n" + body.encode()
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_of(server: asyncio.Server) -> int:
    listening: socket.socket = server.sockets[0]
    port: int = listening.getsockname()[1]
    return port


def bearer(site: Site, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {keys.token(site.secrets, role=role, name='chloe', now=now())}"}


async def deliver(port: int, raw: bytes, *to: str, sender: str = "jo@mail.example") -> str:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
        _, answer = await client.sendmail(sender, list(to) or [COUNCIL], raw)
        return answer


async def until(holds: Callable[[], Awaitable[bool]], within: timedelta = timedelta(seconds=20)) -> None:
    """Waits until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(within.total_seconds()):
        while not await holds():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.02)


async def counts(engine: AsyncEngine) -> EntryCounts:
    async with engine.connect() as connection:
        return await read(connection)


async def events(engine: AsyncEngine) -> list[Event]:
    """The events in the outbox, in order."""
    async with engine.connect() as connection:
        rows: list[Any] = list(
            await connection.execute(text("select headers, value from outbox order by id"))
        )
    return [
        decode([(name, value.encode()) for name, value in json.loads(row.headers).items()], row.value)[1]
        for row in rows
    ]
