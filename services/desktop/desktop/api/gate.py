"""What a request must have to pass the API port: a token and no session; and how many requests a caller may send."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.access.roles import Identity
from antiphon.access.tokens import Access, InvalidTokenError, NoKeysError
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from desktop.api import token
from desktop.domain.headers import SESSION_COOKIE, cookies_of
from desktop.domain.rate_limits import Allowance, Counts, Quota, network_of

TOKEN = "bearer"  # noqa: S105 - the name under which the request's state has it


class Limits(NamedTuple):
    """How many requests a caller may send, and how often an address may fail to authenticate."""

    requests: Quota
    failures: Quota


class Gate:
    """Stands before the routes of the API port. `public` are paths that need no token.

    The state of a request that passes has the token as TOKEN. The counts are in memory: see `domain/rate_limits.py`.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, public: frozenset[str]) -> None:
        self._app = app
        self._access = access
        self._public = public
        self._requests = Counts(limits.requests)
        self._failures = Counts(limits.failures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called for each request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), str(scope["path"])
        address = network_of(scope["client"][0] if scope["client"] else "")
        now = asyncio.get_running_loop().time()
        try:
            _require_no_session(headers)
            if path == token.PATH:
                send = self._counting_failures(address, now, send)
            elif path.startswith("/api/") and path not in self._public:
                send = await self._admitted(scope, headers, address, now, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope, headers: Headers, address: str, now: float, send: Send) -> Send:
        """Where the answer to a request with a valid token goes: its headers say what its caller may still do."""
        try:
            bearer = _bearer(headers)
            who: Identity = await self._access.identify(bearer)
        except InvalidTokenError as error:
            allowance = self._failures.take(address, now)
            if not allowance.is_allowed:
                raise _too_many(allowance, "This address sent too many invalid tokens.") from error
            challenge = {"WWW-Authenticate": 'Bearer realm="antiphon"', **allowance.headers()}
            raise Problem(Kind.NOT_AUTHENTICATED, str(error), headers=challenge) from error
        except NoKeysError as error:
            raise Problem(Kind.NOT_AVAILABLE, str(error)) from error
        allowance = self._requests.take(who.subject, now)
        if not allowance.is_allowed:
            raise _too_many(allowance, "You sent too many requests.")
        scope.setdefault("state", {})[TOKEN] = bearer
        return _with_headers(send, allowance.headers())

    def _counting_failures(self, address: str, now: float, send: Send) -> Send:
        """Where the answer of `/token` goes. Nothing is looked up for an address that failed too often."""
        allowance = self._failures.look(address, now)
        if not allowance.is_allowed:
            raise _too_many(allowance, "This address sent too many wrong secrets.")

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                MutableHeaders(scope=message).update(self._failures.take(address, now).headers())
            await send(message)

        return counted


def _require_no_session(headers: Headers) -> None:
    if SESSION_COOKIE in cookies_of(headers.get("cookie")):
        raise Problem(
            Kind.COOKIE_FROM_A_PROGRAM,
            "Programs come with a token, pages with their cookie to the page port.",
        )


def _bearer(headers: Headers) -> str:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidTokenError("Send a bearer token: POST /token exchanges an API key for one.")
    return bearer.strip()


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return with_headers


def _too_many(allowance: Allowance, detail: str) -> Problem:
    return Problem(
        Kind.TOO_MANY_REQUESTS, f"{detail} Come again in {allowance.reset_s} s.", headers=allowance.headers()
    )
