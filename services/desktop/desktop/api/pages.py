"""The pages: the files of the bundle, and the one page that every other address opens."""

import re
import secrets
from pathlib import Path
from typing import Final

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from starlette.responses import FileResponse, HTMLResponse

from antiphon.http.problems import not_found
from desktop.domain.headers import page_headers

_NONCE: Final = "__NONCE__"
"""The place of the nonce in index.html, as `html.cspNonce` of Vite has it."""
# The name of each file has the digest of its content.
_FOREVER: Final = "public, max-age=31536000, immutable"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".png": "image/png",
    ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".json": "application/json", ".ico": "image/x-icon",
}  # fmt: skip


def add(app: FastAPI, folder: Path | None) -> None:
    """Adds the routes, the last of all: every address is a page's that is nothing else."""

    async def asset(request: Request) -> Response:
        name: str = request.path_params["name"]
        path = None if folder is None else folder / "assets" / name
        if path is None or not _NAME.fullmatch(name) or path.suffix not in _TYPES or not path.is_file():
            return not_found("file").response()
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        accepted = {
            part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")
        }
        for encoding, suffix in _ENCODINGS:
            compressed = path.with_name(path.name + suffix)
            if encoding in accepted and compressed.is_file():
                headers["Content-Encoding"] = encoding
                return FileResponse(compressed, headers=headers, media_type=_TYPES[path.suffix])
        return FileResponse(path, headers=headers, media_type=_TYPES[path.suffix])

    async def page(request: Request) -> Response:
        name: str = request.path_params["path"]
        if name.partition("/")[0] in {"api", "assets", "session"}:
            return not_found("address").response()
        nonce = secrets.token_urlsafe(16)
        try:
            html = await run_sync(_index, folder)
        except FileNotFoundError:
            text = "<!doctype html><title>Antiphon</title><p>The pages are not built: <code>make set-up</code> builds the pages."
            return HTMLResponse(text, 404, page_headers(nonce))
        return HTMLResponse(html.replace(_NONCE, nonce), headers=page_headers(nonce))

    app.add_route("/assets/{name}", asset, include_in_schema=False)
    app.add_route("/{path:path}", page, include_in_schema=False)


def _index(folder: Path | None) -> str:
    if folder is None:
        raise FileNotFoundError
    return (folder / "index.html").read_text(encoding="utf-8")
