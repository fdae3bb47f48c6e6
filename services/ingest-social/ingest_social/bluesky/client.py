"""XRPC over HTTP with a session of our account. Source: atproto.com/specs/xrpc."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import httpx

from antiphon.connections.secrets import without
from antiphon.connections.states import NotConnectedError, Reason, pause_after
from antiphon.process.clock import Clock
from ingest_social.network import NotSignedInError, RefusedError, TransientError, UnknownOutcomeError

_SESSION_ENDED = {"ExpiredToken", "InvalidToken", "AuthenticationRequired", "AuthMissing"}
_MISSING = {
    "RecordNotFound",
    "RepoNotFound",
    "BlobNotFound",
    "RepoDeactivated",
    "RepoTakendown",
    "RepoSuspended",
}

_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class XrpcRefusedError(RefusedError):
    """The server refuses the request. `name` is the error's name in the lexicon. Its text has none of the `secrets`."""

    def __init__(self, method: str, status: int, name: str, message: str, secrets: Sequence[str]) -> None:
        detail = f"{name}: {message}"
        for secret in secrets:
            detail = without(secret, detail)
        super().__init__(f"{method}: {detail}"[:500])
        self.status = status
        self.name = name
        self.is_missing = name in _MISSING or "Could not locate" in message


class _Refusal(NamedTuple):
    """A password that the server refused so many times, and until when it is not asked again."""

    password: str
    times: int
    until: datetime

    @classmethod
    def after(cls, earlier: "_Refusal | None", password: str, now: datetime) -> "_Refusal":
        """The refusal of now. It ends before the pause of who follows the account."""
        times = earlier.times + 1 if earlier else 1
        return cls(password, times, now + 0.9 * pause_after(Reason.LOGIN_REFUSED, times))


class Client:
    """Calls one server. `did` is ours once `sign_in` has returned. No message of its errors has a secret."""

    def __init__(self, service: str, handle: str, password: Callable[[], str], clock: Clock) -> None:
        self._handle = handle
        self._password = password
        self._clock = clock
        self._http = httpx.AsyncClient(base_url=f"{service}/xrpc", timeout=20)
        self._access: str | None = None
        self._refresh: str | None = None
        self._refused: _Refusal | None = None
        self.did = ""

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Renews the session, or opens one. Raises NotSignedInError, also for a wrong password: a person can correct it."""
        if self._refresh is not None:
            refresh, self._refresh = self._refresh, None
            try:
                self._keep(await self.call("POST", "com.atproto.server.refreshSession", token=refresh))
            except RefusedError:
                pass
            except TransientError as error:
                self._refresh = refresh
                raise self._not_signed_in(Reason.UNREACHABLE, error) from error
            else:
                return
        try:
            password = await asyncio.to_thread(self._password)
        except NotConnectedError as error:
            raise NotSignedInError(error.reason, f"{self._handle} can't sign in: {error.detail}") from None
        self._check_refusal(password)
        credentials = {"identifier": self._handle, "password": password}
        try:
            self._keep(await self.call("POST", "com.atproto.server.createSession", json=credentials))
        except RefusedError as error:
            self._refused = _Refusal.after(self._refused, password, self._clock())
            raise self._not_signed_in(Reason.LOGIN_REFUSED, error) from error
        except TransientError as error:
            raise self._not_signed_in(Reason.UNREACHABLE, error) from error
        self._refused = None

    def _check_refusal(self, password: str) -> None:
        """Raises NotSignedInError while the server is not asked again. A new password is tried at once."""
        refused = self._refused
        if refused is None or refused.password != password:
            self._refused = None
            return
        wait_s = (refused.until - self._clock()).total_seconds()
        if wait_s > 0:
            message = f"{self._handle} can't sign in: the server has refused this password"
            raise NotSignedInError(Reason.LOGIN_REFUSED, message, wait_s)

    def _not_signed_in(self, reason: Reason, error: RefusedError | TransientError) -> NotSignedInError:
        wait_s = error.wait_s if isinstance(error, TransientError) else None
        return NotSignedInError(reason, f"{self._handle} can't sign in: {error}", wait_s)

    def _keep(self, session: dict[str, Any]) -> None:
        try:
            self._access, self._refresh = str(session["accessJwt"]), str(session["refreshJwt"])
            self.did = str(session["did"])
        except (KeyError, TypeError) as error:
            raise TransientError("the answer of the server is no session") from error

    async def authorised(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Calls a procedure as our account; renews a session that has ended. Raises RefusedError, TransientError."""
        for _ in range(2):
            if self._access is None:
                await self.sign_in()
            try:
                return await self.call("POST", method, json=body, token=self._access)
            except XrpcRefusedError as error:
                if error.name not in _SESSION_ENDED and error.status != 401:
                    raise
                self._access = None
        raise TransientError("the server ends each session at its first call")

    async def call(
        self, verb: str, method: str, *, params: dict[str, Any] | None = None, json: dict[str, Any] | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Makes one request. Raises RefusedError when a repeat would be refused too, else TransientError.

        Raises UnknownOutcomeError when the server may have run a procedure.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._http.request(verb, f"/{method}", params=params, json=json, headers=headers)
        except _NOT_CONNECTED as error:
            raise TransientError(f"{method}: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            lost = UnknownOutcomeError if verb == "POST" else TransientError
            raise lost(f"{method}: {type(error).__name__}") from error
        self._check(method, response, [token or "", str((json or {}).get("password", ""))])
        try:
            result: dict[str, Any] = response.json()
        except ValueError as error:
            raise TransientError(f"{method}: the response is not JSON") from error
        return result

    async def download(self, method: str, params: dict[str, Any], limit: int) -> bytes:
        """The bytes of a query, at most `limit`. Raises RefusedError, TransientError."""
        data = bytearray()
        try:
            async with self._http.stream("GET", f"/{method}", params=params) as response:
                if response.is_error:
                    await response.aread()
                self._check(method, response, ())
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise RefusedError(f"{method}: more than {limit} bytes")
        except httpx.HTTPError as error:
            raise TransientError(f"{method}: {type(error).__name__}") from error
        return bytes(data)

    def _check(self, method: str, response: httpx.Response, secrets: Sequence[str]) -> None:
        status = response.status_code
        if status == 429 or status >= 500:
            is_unknown = response.request.method == "POST" and status >= 500
            failed = UnknownOutcomeError if is_unknown else TransientError
            raise failed(f"{method}: status {status}", self._wait(response))
        if not response.is_success:
            try:
                error = response.json()
                name, message = str(error.get("error", "")), str(error.get("message", ""))
            except (ValueError, AttributeError):
                name, message = f"status {status}", ""
            raise XrpcRefusedError(method, status, name, message, secrets)

    def _wait(self, response: httpx.Response) -> float | None:
        """Seconds that the server asks to wait: `retry-after`, or until `ratelimit-reset` (a Unix time)."""
        after, reset = response.headers.get("retry-after", ""), response.headers.get("ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        return max(float(reset) - self._clock().timestamp(), 0) if reset.isdecimal() else None
