"""A session at a server that is silent, or that repeats what it was sent."""

import asyncio
import socket
from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr

from antiphon.connections.secrets import Secrets, new_key
from antiphon.connections.states import NotConnectedError, Reason
from antiphon.organisation.channels import ImapMailbox
from ingest_email.domain.accounts import MailConnection
from ingest_email.imap_session import log_in

USER = "council@banksia.example"
CAPABILITY = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
# The session must end long before the library's own wait for an answer does, which is a minute.
LONGEST_S = 30


def at(server: socket.socket, folder: Path, secret: str) -> tuple[MailConnection, Secrets]:
    server.settimeout(LONGEST_S)
    port = server.getsockname()[1]
    mailbox = ImapMailbox(host="127.0.0.1", port=port, user=USER, tls="none")
    connection, secrets = MailConnection(USER, mailbox), Secrets(folder, SecretStr(new_key()))
    secrets.store(USER, connection.server or "", secret)
    return connection, secrets


async def test_a_session_ends_at_once_while_the_server_is_silent(tmp_path: Path) -> None:
    def silent(server: socket.socket, loop: asyncio.AbstractEventLoop, asked: asyncio.Event) -> bytes:
        with server.accept()[0] as client:
            client.settimeout(LONGEST_S)
            client.sendall(b"* OK ready\r\n")
            tag = client.recv(1000).split()[0]
            client.sendall(CAPABILITY + tag + b" OK done\r\n")
            client.recv(1000)
            loop.call_soon_threadsafe(asked.set)
            return client.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        connection, secrets = at(server, tmp_path, "secret")
        asked = asyncio.Event()
        served = asyncio.create_task(asyncio.to_thread(silent, server, asyncio.get_running_loop(), asked))
        session = asyncio.create_task(log_in(connection, secrets))
        await asked.wait()
        session.cancel()
        # In vain after 30 seconds: the thread of the server raises TimeoutError then.
        assert await served == b""
        with pytest.raises(asyncio.CancelledError):
            await session


@pytest.mark.parametrize("secret", ["a secret", 'a "quoted\\" one', "sécret"])
async def test_a_server_that_repeats_the_login_does_not_make_us_show_the_secret(
    tmp_path: Path, secret: str
) -> None:
    def repeat(server: socket.socket) -> None:
        with server.accept()[0] as client, client.makefile("rwb") as lines:
            lines.write(b"* OK ready\r\n")
            lines.flush()
            for line in lines:
                tag, _, words = line.strip().partition(b" ")
                if words == b"CAPABILITY":
                    lines.write(CAPABILITY + tag + b" OK done\r\n")
                    lines.flush()
                    continue
                if words.startswith(b"AUTHENTICATE"):
                    lines.write(b"+ \r\n")
                    lines.flush()
                    words = lines.readline().strip()
                lines.write(tag + b" NO refused: " + words + b"\r\n")
                lines.flush()

    with socket.create_server(("127.0.0.1", 0)) as server:
        connection, secrets = at(server, tmp_path, secret)
        served = asyncio.create_task(asyncio.to_thread(repeat, server))
        with pytest.raises(NotConnectedError) as refused:
            await log_in(connection, secrets)
        await served
    assert refused.value.reason is Reason.LOGIN_REFUSED, refused.value.detail
    assert "…" in refused.value.detail
    encoded = b64encode(f"\0{USER}\0{secret}".encode()).decode()
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    assert not any(form in refused.value.detail for form in (secret, quoted, encoded))
