"""XRPC over HTTP with a session of our account. Source: atproto.com/specs/xrpc."""

from typing import Any

import httpx

from antiphon.process.clock import Clock
from ingest_social.network import RefusedError, TransientError, UnknownOutcomeError

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
    """The server refuses the request. `name` is the error's name in the lexicon."""

    def __init__(self, method: str, status: int, name: str, message: str) -> None:
        super().__init__(f"{method}: {name}: {message}"[:500])
        self.status = status
        self.name = name
        self.is_missing = name in _MISSING or "Could not locate" in message


class Client:
    """Calls one server. `did` is ours once `sign_in` has returned. No message of its errors has a secret."""

    def __init__(self, service: str, handle: str, password: str, clock: Clock) -> None:
        self._handle = handle
        self._password = password
        self._clock = clock
        self._http = httpx.AsyncClient(base_url=f"{service}/xrpc", timeout=20)
        self._access: str | None = None
        self._refresh: str | None = None
        self.did = ""

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Renews the session, or opens one. Raises TransientError, also for a wrong password: a person can correct it."""
        if self._refresh is not None:
            refresh, self._refresh = self._refresh, None
            try:
                self._keep(await self.call("POST", "com.atproto.server.refreshSession", token=refresh))
            except RefusedError:
                pass
            else:
                return
        credentials = {"identifier": self._handle, "password": self._password}
        try:
            self._keep(await self.call("POST", "com.atproto.server.createSession", json=credentials))
        except (RefusedError, UnknownOutcomeError) as error:
            raise TransientError(f"{self._handle} can't sign in: {error}") from error

    def _keep(self, session: dict[str, Any]) -> None:
        self._access, self._refresh = str(session["accessJwt"]), str(session["refreshJwt"])
        self.did = str(session["did"])

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
        self._check(method, response)
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
                self._check(method, response)
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise RefusedError(f"{method}: more than {limit} bytes")
        except httpx.HTTPError as error:
            raise TransientError(f"{method}: {type(error).__name__}") from error
        return bytes(data)

    def _check(self, method: str, response: httpx.Response) -> None:
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
            raise XrpcRefusedError(method, status, name, message)

    def _wait(self, response: httpx.Response) -> float | None:
        """Seconds that the server asks to wait: `retry-after`, or until `ratelimit-reset` (a Unix time)."""
        after, reset = response.headers.get("retry-after", ""), response.headers.get("ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        return max(float(reset) - self._clock().timestamp(), 0) if reset.isdecimal() else None
