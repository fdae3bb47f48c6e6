"""`/docs`: the API in Swagger UI, served from a folder of this machine. Without the folder it is a list of the operations.

Nothing is loaded from another host, and the policy of the page lets nothing of another host in.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from antiphon.http.problems import not_found

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
_BUNDLE = "swagger-ui-bundle.js"
# The files of the npm package swagger-ui-dist that the page needs.
FILES = (_BUNDLE, "swagger-ui.css", "favicon-32x32.png")
_START = """\
SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true,
  requestInterceptor: (request) => { Object.assign(request.headers, %s); return request; } });
"""
Document = Mapping[str, Any]
_INTERACTIVE = """\
<link rel="icon" href="docs/favicon-32x32.png"><link rel="stylesheet" href="docs/swagger-ui.css">
</head><body><div id="api"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>
"""


def add(
    app: FastAPI,
    *,
    below: str = "",
    document: Callable[[], Awaitable[Document]] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Adds the page at `<below>/docs`, for the document at `<below>/openapi.json`: that of the application, or `document`.

    `app.state.swagger_ui` is the folder with `FILES`, None when there is none. The page sends `headers` with its requests.
    """
    app.state.swagger_ui = None

    async def page(_: Request) -> Response:
        body = (
            _INTERACTIVE
            if _has_files(app.state.swagger_ui)
            else _listed(await document() if document else app.openapi())
        )
        head = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(app.title)}</title>'
        )
        return HTMLResponse(f"{head}{body}</body></html>", headers=HEADERS)

    async def start(_: Request) -> Response:
        return Response(_START % json.dumps(dict(headers)), media_type="text/javascript", headers=HEADERS)

    async def file(request: Request) -> Response:
        name, folder = request.path_params["name"], app.state.swagger_ui
        if name not in FILES or not _has_files(folder):
            return not_found("file").response()
        return FileResponse(folder / name, headers={**HEADERS, "Cache-Control": "max-age=86400"})

    app.add_route(f"{below}/docs", page, include_in_schema=False)
    app.add_route(f"{below}/docs/start.js", start, include_in_schema=False)
    app.add_route(f"{below}/docs/{{name}}", file, include_in_schema=False)


def _has_files(folder: Path | None) -> bool:
    return folder is not None and (folder / _BUNDLE).is_file()


def _listed(document: Document) -> str:
    return f"</head><body><h1>{escape(document['info']['title'])}</h1>{''.join(_items(document))}"


def _items(document: Document) -> Iterator[str]:
    yield f"<p>{escape(document['info']['description'])}</p>"
    yield '<p>The whole document is <a href="openapi.json">openapi.json</a>.</p><dl>'
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            roles = ", ".join(operation.get("x-roles", [])) or "everybody"
            yield f"<dt><code>{verb.upper()} {escape(path)}</code> ({escape(roles)})</dt>"
            yield f"<dd>{escape(operation['description'])}</dd>"
    yield "</dl>"
