"""`/docs`: the API in Swagger UI, served from a folder of this machine. Without the folder it is a list of the operations.

Nothing is loaded from another host, and the policy of the page lets nothing of another host in.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
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
SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
"""
_INTERACTIVE = """\
<link rel="icon" href="docs/favicon-32x32.png"><link rel="stylesheet" href="docs/swagger-ui.css">
</head><body><div id="api"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>
"""


def add(app: FastAPI) -> None:
    """Adds the page. `app.state.swagger_ui` is the folder with `FILES`, None when there is none."""
    app.state.swagger_ui = None

    async def page(_: Request) -> Response:
        body = _INTERACTIVE if _has_files(app.state.swagger_ui) else _listed(app.openapi())
        head = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(app.title)}</title>'
        )
        return HTMLResponse(f"{head}{body}</body></html>", headers=HEADERS)

    async def start(_: Request) -> Response:
        return Response(_START, media_type="text/javascript", headers=HEADERS)

    async def file(request: Request) -> Response:
        name, folder = request.path_params["name"], app.state.swagger_ui
        if name not in FILES or not _has_files(folder):
            return not_found("file").response()
        return FileResponse(folder / name, headers={**HEADERS, "Cache-Control": "max-age=86400"})

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/start.js", start, include_in_schema=False)
    app.add_route("/docs/{name}", file, include_in_schema=False)


def _has_files(folder: Path | None) -> bool:
    return folder is not None and (folder / _BUNDLE).is_file()


def _listed(document: dict[str, Any]) -> str:
    return f"</head><body><h1>{escape(document['info']['title'])}</h1>{''.join(_items(document))}"


def _items(document: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(document['info']['description'])}</p>"
    yield '<p>The whole document is <a href="openapi.json">openapi.json</a>.</p><dl>'
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            roles = ", ".join(operation.get("x-roles", [])) or "everybody"
            yield f"<dt><code>{verb.upper()} {escape(path)}</code> ({escape(roles)})</dt>"
            yield f"<dd>{escape(operation['description'])}</dd>"
    yield "</dl>"
