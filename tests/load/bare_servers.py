"""Bare servers to compare the entry points with: an SMTP and an HTTP server that write and fsync each message.

They use the same libraries as the entry points. Run as a program: `bare_servers.py smtp|http PORT FOLDER`.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI, Request

NUMBER = itertools.count()


def keep(folder: Path, content: bytes) -> None:
    """Writes and fsyncs: the content is durable when it returns."""
    with (folder / str(next(NUMBER))).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class Handler:
    """Accepts every mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keeps the mail."""
        keep(self._folder, envelope.original_content)
        return "250 OK"


async def smtp(port: int, folder: Path) -> None:
    """Serves SMTP until the process ends."""
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(folder)), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def http(port: int, folder: Path) -> None:
    """Serves HTTP until the process ends."""
    app = FastAPI()

    @app.post("/interactions", status_code=201)
    async def take(request: Request) -> dict[str, str]:
        keep(folder, await request.body())
        return {}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    port, folder = int(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    if sys.argv[1] == "smtp":
        asyncio.run(smtp(port, folder))
    else:
        http(port, folder)
