"""Idempotency keys: a request that is repeated under its key takes effect once, and gets the first answer again.

The key is claimed in the transaction of the effect, and that transaction keeps the answer. A request that was refused
leaves nothing, so it may be sent again. Source: draft-ietf-httpapi-idempotency-key-header-07; where the draft answers 409
to a repeat of a request that still runs, the repeat waits for it here.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.datastructures import UploadFile

from antiphon.access.roles import Identity
from antiphon.failures import is_transient
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem
from antiphon.http.requests import FORMS
from antiphon.postgres.query import fetch

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
FORGOTTEN_AT_ONCE = 10_000
_KEPT_HEADERS = ("content-type", "etag", "location")
_CHUNK = 1024 * 1024
_FOR_REPEATS = "answer_for_repeats"
_IDENTITY = "caller = :caller and operation = :operation and idempotency_key = :key"
_CLAIM = text(
    """
    insert into idempotency_key (caller, operation, idempotency_key, request_sha256)
    values (:caller, :operation, :key, :digest) on conflict do nothing returning true
    """
)
_KEEP = text(
    f"update idempotency_key set status = :status, headers = :headers, body = :body where {_IDENTITY}"
)
_ANSWER = text(f"select request_sha256, status, headers, body from idempotency_key where {_IDENTITY}")
_FORGET = text(
    """
    delete from idempotency_key where ctid = any (array(
      select ctid from idempotency_key where claimed_at < now() - cast(:age as interval) limit :limit
    )) returning true
    """
)

_KEY: Any = Header(
    alias=HEADER,
    min_length=1,
    max_length=255,
    pattern=r"^[\x21-\x7e]+$",
    examples=["call-20260302-17"],
    description="A key that the caller chooses for this request. The same request under the same key takes effect once; "
    "a repeat gets the first answer, with the header `Idempotency-Replayed`.",
)
IdempotencyKey = Annotated[str, _KEY]
"""The key, where an operation requires one."""


@dataclass(frozen=True)
class _Claim:
    """A request under its key: whose it is, and the digest by which a repeat is distinguished from another request."""

    tx: AsyncConnection
    caller: str
    operation: str
    key: str
    digest: bytes

    @property
    def _identity(self) -> dict[str, str]:
        return {"caller": self.caller, "operation": self.operation, "key": self.key}

    async def take(self) -> None:
        """Claims the key. When an earlier request has it, raises ReplayedError, or Problem 422 if that was another request.

        Waits for a request under the same key that still runs; when that fails, the key is free again.
        """
        while not await fetch(self.tx, _CLAIM, {**self._identity, "digest": self.digest}):
            for row in await fetch(self.tx, _ANSWER, self._identity):
                if bytes(row.request_sha256) != self.digest:
                    raise key_reused()
                headers = {**json.loads(row.headers), REPLAYED: "true"}
                raise ReplayedError(Response(row.body, row.status, headers))
            # The key was forgotten between the two statements: now it can be claimed.

    async def keep(self, response: Response, body: bytes) -> None:
        """Keeps the answer for repeats, with this body."""
        kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        answer = {
            "status": response.status_code,
            "headers": json.dumps(kept),
            "body": body,
        }
        await fetch(self.tx, _KEEP, {**self._identity, **answer})


class ReplayedError(Exception):
    """Ends a request that repeats an earlier one, whose answer this has."""

    def __init__(self, response: Response) -> None:
        super().__init__("the request repeats an earlier one")
        self.response = response


async def _transaction(
    request: Request, key: Annotated[str | None, _KEY] = None
) -> AsyncGenerator[AsyncConnection]:
    async with request.app.state.engine.begin() as tx:
        if key is not None:
            who: Identity = request.state.identity
            claim = _Claim(tx, who.subject, request.scope["route"].name, key, await _digest(request))
            await claim.take()
            request.state.idempotency_claim = claim
        yield tx


OnceTx = Annotated[AsyncConnection, Depends(_transaction, scope="function")]
"""The transaction of a request that changes something; under an `Idempotency-Key` it takes effect once.

It is committed before the answer is sent, and rolled back when the route raises.
"""


async def once(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    """What `handle` answers, kept in the transaction of the route's `OnceTx`; for a repeat, the answer of the first request."""
    try:
        response = await handle(request)
    except ReplayedError as repeat:
        return repeat.response
    claim: _Claim | None = getattr(request.state, "idempotency_claim", None)
    if claim is not None:
        kept: BaseModel | None = getattr(request.state, _FOR_REPEATS, None)
        await claim.keep(response, bytes(response.body) if kept is None else kept.model_dump_json().encode())
    return response


def keep_for_repeats(request: Request, answer: BaseModel) -> None:
    """A repeat gets this instead of the first answer, which shows a secret that is kept nowhere."""
    setattr(request.state, _FOR_REPEATS, answer)


def takes_effect_once(route: Dependant) -> bool:
    """Whether a route takes its transaction from `OnceTx`."""
    return any(part.call is _transaction or takes_effect_once(part) for part in route.dependencies)


def key_reused() -> Problem:
    """422 for a key under which the caller sent another request."""
    return Problem(
        Kind.IDEMPOTENCY_KEY_REUSED,
        "You sent another request under this key: send this one under a new key.",
        errors=[ErrorPlace(header=HEADER, detail="was used for another request")],
    )


async def forget(engine: AsyncEngine, kept_for: timedelta, every: timedelta = timedelta(minutes=10)) -> None:
    """A task that forgets keys, with their answers, that are older than `kept_for`."""
    while True:
        try:
            while await forget_older(engine, kept_for) == FORGOTTEN_AT_ONCE:
                pass
        except Exception as error:
            if not is_transient(error):
                raise
        await asyncio.sleep(every.total_seconds())


async def forget_older(engine: AsyncEngine, kept_for: timedelta) -> int:
    """Forgets keys that are older than `kept_for`, FORGOTTEN_AT_ONCE at most. Returns how many."""
    async with engine.begin() as tx:
        return len(await fetch(tx, _FORGET, {"age": kept_for, "limit": FORGOTTEN_AT_ONCE}))


async def _digest(request: Request) -> bytes:
    """What distinguishes a request from another one: its method, path, query, and what its body says.

    Two JSON texts with one value are one body, and so are two forms whose boundaries differ.
    """
    found = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        found.update(part.encode() + b"\n")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in FORMS:
        for name, value in (await request.form()).multi_items():
            found.update(json.dumps([name, await _field(value)]).encode())
    else:
        found.update(_canonical(await request.body()))
    return found.digest()


async def _field(value: UploadFile | str) -> list[str | None]:
    """A field of a form; of a file its name, its type and the digest of its bytes."""
    if isinstance(value, str):
        return [value]
    content = hashlib.sha256()
    await value.seek(0)
    while chunk := await value.read(_CHUNK):
        content.update(chunk)
    await value.seek(0)
    return [value.filename, value.content_type, content.hexdigest()]


def _canonical(body: bytes) -> bytes:
    """A JSON text in the one form of its value; any other body as it is."""
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body
