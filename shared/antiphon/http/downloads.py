"""Bytes of customers as responses. They are data and never a page of ours: a browser saves them and runs nothing in them."""

from typing import Any
from urllib.parse import quote

from fastapi import Response

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def download(data: bytes, media_type: str, filename: str) -> Response:
    """`data` as a file to be saved under `filename`."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(data, media_type=media_type, headers={**_HEADERS, "Content-Disposition": disposition})


def documented(media_type: str, description: str, example: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers bytes."""
    content = {"schema": {"type": "string", "format": "binary"}, "example": example}
    return {200: {"description": description, "content": {media_type: content}}}
