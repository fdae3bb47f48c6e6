"""XRPC over HTTP with a session of our account. Source: atproto.com/specs/xrpc."""

from typing import Any

import httpx

from antiphon.process.clock import Clock
from ingest_social.network import PassingError, PostRefusedError, UnknownOutcomeError

_SESSION_OVER = {"ExpiredToken", "InvalidToken", "AuthenticationRequired", "AuthMissing"}
_NOT_THERE = {
    "RecordNotFound",
    "RepoNotFound",
    "BlobNotFound",
    "RepoDeactivated",
    "RepoTakendown",
    "RepoSuspended",
}

_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class XrpcRefusedError(PostRefusedError):
    """The server refuses the request: `name` is the error's name in the lexicon."""

    def __init__(self, method: str, status: int, name: str, message: str) -> None:
        super().__init__(f"{method}: {name}: {message}"[:500])
        self.status = status
        self.name = name
        self.not_there = name in _NOT_THERE or "Could not locate" in message


class Client:
    """Calls one server; `did` is ours once `sign_in` came back. Secrets are in no message of its errors."""

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
        """Renews the session, or opens one. Raises PassingError, also for a wrong password: a person can mend it."""
        if self._refresh is not None:
            refresh, self._refresh = self._refresh, None
            try:
                self._keep(await self.call("POST", "com.atproto.server.refreshSession", token=refresh))
            except PostRefusedError:
                pass
            else:
                return
        given = {"identifier": self._handle, "password": self._password}
        try:
            self._keep(await self.call("POST", "com.atproto.server.createSession", json=given))
        except (PostRefusedError, UnknownOutcomeError) as error:
            raise PassingError(f"{self._handle} can't sign in: {error}") from error

    def _keep(self, session: dict[str, Any]) -> None:
        self._access, self._refresh = str(session["accessJwt"]), str(session["refreshJwt"])
        self.did = str(session["did"])

    async def authorised(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """A procedure in our name; a session that is over is renewed. Raises PostRefusedError, PassingError."""
        for _ in range(2):
            if self._access is None:
                await self.sign_in()
            try:
                return await self.call("POST", method, json=body, token=self._access)
            except XrpcRefusedError as error:
                if error.name not in _SESSION_OVER and error.status != 401:
                    raise
                self._access = None
        raise PassingError("the session is over as soon as it begins")

    async def call(
        self, verb: str, method: str, *, params: dict[str, Any] | None = None, json: dict[str, Any] | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """One request. Raises PostRefusedError for what will be refused again, else PassingError.

        UnknownOutcomeError says that a procedure may have been done.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._http.request(verb, f"/{method}", params=params, json=json, headers=headers)
        except _NOT_CONNECTED as error:
            raise PassingError(f"{method}: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            lost = UnknownOutcomeError if verb == "POST" else PassingError
            raise lost(f"{method}: {type(error).__name__}") from error
        self._judge(method, answer)
        try:
            found: dict[str, Any] = answer.json()
        except ValueError as error:
            raise PassingError(f"{method}: the answer is not JSON") from error
        return found

    async def download(self, method: str, params: dict[str, Any], limit: int) -> bytes:
        """The bytes of a query, at most `limit`. Raises PostRefusedError, PassingError."""
        data = bytearray()
        try:
            async with self._http.stream("GET", f"/{method}", params=params) as answer:
                if answer.is_error:
                    await answer.aread()
                self._judge(method, answer)
                async for chunk in answer.aiter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise PostRefusedError(f"{method}: more than {limit} bytes")
        except httpx.HTTPError as error:
            raise PassingError(f"{method}: {type(error).__name__}") from error
        return bytes(data)

    def _judge(self, method: str, answer: httpx.Response) -> None:
        if answer.status_code == 429 or answer.status_code >= 500:
            is_lost = answer.request.method == "POST" and answer.status_code >= 500
            failed = UnknownOutcomeError if is_lost else PassingError
            raise failed(f"{method}: status {answer.status_code}", self._wait(answer))
        if not answer.is_success:
            try:
                told = answer.json()
                name, message = str(told.get("error", "")), str(told.get("message", ""))
            except (ValueError, AttributeError):
                name, message = f"status {answer.status_code}", ""
            raise XrpcRefusedError(method, answer.status_code, name, message)

    def _wait(self, answer: httpx.Response) -> float | None:
        """Seconds that the server asks to wait: `retry-after`, or until `ratelimit-reset` (a Unix time)."""
        after, reset = answer.headers.get("retry-after", ""), answer.headers.get("ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        return max(float(reset) - self._clock().timestamp(), 0) if reset.isdecimal() else None
