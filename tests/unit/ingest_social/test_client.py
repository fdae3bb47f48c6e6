"""What a server says of a refused request is shown without our secrets."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from antiphon.process.clock import utc_now
from ingest_social.bluesky.client import Client, XrpcRefusedError
from ingest_social.network import NotSignedInError


@asynccontextmanager
async def repeating() -> AsyncGenerator[str]:
    """The address of a server that refuses each request and repeats it, after so much that the message must be cut."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(n) for line in asked.split("\r\n") if (n := line.lower().partition("content-length: ")[2])),
            0,
        )
        asked += (await reader.readexactly(length)).decode()
        body = json.dumps({"error": "Invalid", "message": asked}).encode()
        writer.write(
            b"HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("password", ["correct horse", 'a "quoted" one', "a" * 400])
async def test_a_server_that_repeats_the_password_does_not_make_us_show_it(password: str) -> None:
    async with repeating() as url:
        client = Client(url, "council.test", lambda: password, utc_now)
        with pytest.raises(NotSignedInError) as refused:
            await client.sign_in()
        await client.close()
    assert "…" in str(refused.value)
    for form in (password[:30], json.dumps(password)[1:-1][:30]):
        assert form not in str(refused.value)


async def test_a_server_that_repeats_a_token_does_not_make_us_show_it() -> None:
    async with repeating() as url:
        client = Client(url, "council.test", lambda: "unused", utc_now)
        with pytest.raises(XrpcRefusedError) as refused:
            await client.call("POST", "com.atproto.server.refreshSession", token="a-token-of-ours")
        await client.close()
    assert "Bearer …" in str(refused.value)
