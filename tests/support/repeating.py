"""A client that sends each request twice under one idempotency key, and finds what the repeat answered or changed."""

import re
from collections.abc import Collection
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

METHODS = ("POST", "PATCH")
"""The methods that HTTP does not define as idempotent."""


def operations(app: FastAPI, *, of: Collection[str] = (), but: Collection[str] = ()) -> set[str]:
    """The operations of an API with these methods, as `POST /path/{with_parameters}`: with one of the tags `of`, without `but`."""
    return {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if method.upper() in METHODS
        and (not of or set(of) & set(operation["tags"]))
        and not set(but) & set(operation["tags"])
    }


async def state(engine: AsyncEngine, *, ignored: Collection[str] = ()) -> dict[str, str | None]:
    """A digest of all rows of each table."""
    async with engine.connect() as connection:
        found = await connection.execute(
            text("select tablename from pg_tables where schemaname = 'public' order by 1")
        )
        digests: dict[str, str | None] = {}
        for name in (row.tablename for row in found if row.tablename not in ignored):
            query = f"select md5(string_agg(cast(t as text), '' order by cast(t as text))) from {name} t"
            digests[name] = await connection.scalar(text(query))
    return digests


class Repeating(httpx.AsyncBaseTransport):
    """Sends each POST and PATCH that succeeds a second time under the same key.

    `repeated` has the operations of which the repeat got the first answer and changed nothing, `wrong` what else happened.
    Tables in `ignored` may change.
    """

    def __init__(self, app: FastAPI, engine: AsyncEngine, *, ignored: Collection[str] = ()) -> None:
        self._inner = httpx.ASGITransport(app)
        self._engine = engine
        self._ignored = ignored
        self._paths = {
            re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)): path
            for path in sorted(app.openapi()["paths"], key=lambda path: path.count("{"))
        }
        self.repeated: set[str] = set()
        self.wrong: list[str] = []

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to the first of the two requests."""
        if request.method not in METHODS:
            return await self._inner.handle_async_request(request)
        request.headers.setdefault("Idempotency-Key", str(uuid4()))
        body = await request.aread()
        first = await self._send(request, body)
        if first.is_success:
            before = await state(self._engine, ignored=self._ignored)
            again = await self._send(request, body)
            after = await state(self._engine, ignored=self._ignored)
            self._compare(request, _shown(first), again, before == after)
        return first

    async def _send(self, request: httpx.Request, body: bytes) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        response = await self._inner.handle_async_request(sent)
        await response.aread()
        return response

    def _compare(
        self, request: httpx.Request, first: object, again: httpx.Response, unchanged: object
    ) -> None:
        path = next(path for form, path in self._paths.items() if form.fullmatch(request.url.path))
        operation = f"{request.method} {path}"
        if _shown(again) == first and again.headers.get("Idempotency-Replayed") == "true" and unchanged:
            self.repeated.add(operation)
        else:
            self.wrong.append(f"{operation}: {again.status_code} {again.text[:300]} {unchanged=}")


def _shown(response: httpx.Response) -> tuple[Any, ...]:
    headers = response.headers
    return response.status_code, response.content, headers.get("etag"), headers.get("location")
