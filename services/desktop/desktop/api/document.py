"""The OpenAPI document of all services, and its page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI, Request, Response

from antiphon.http import documentation
from desktop.documents import Documents

_BELOW: Final = "/api"
_DOCUMENT: Final = "/openapi.json"
PATHS: Final = frozenset(
    {
        _DOCUMENT,
        *(f"{_BELOW}{path}" for path in (_DOCUMENT, "/docs", "/docs/start.js", *(f"/docs/{name}" for name in documentation.FILES))),
    }
)  # fmt: skip
"""The paths that need no token."""


def add(app: FastAPI, documents: Documents, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """Adds the routes. The page sends `headers` with the requests that a reader tries."""

    async def get_document(_: Request) -> Response:
        return Response(await documents.json(), media_type="application/json")

    app.add_route(_DOCUMENT, get_document, include_in_schema=False)
    app.add_route(f"{_BELOW}{_DOCUMENT}", get_document, include_in_schema=False)
    documentation.add(app, below=_BELOW, document=documents.document, headers=headers)
