"""A browser for tests of the desktop: it keeps cookies by origin, as browsers do for localhost, and signs in as a person."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

HEADER = {"X-Antiphon": "1"}


class Browser:
    """One browser with one person. `http.cookiejar` does not send `Secure` cookies to localhost over HTTP, so it has its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, dict[str, str]] = {}
        self.answers: list[httpx.Response] = []
        self._http = httpx.AsyncClient(timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def navigate(self, url: str, data: Mapping[str, str] | None = None) -> httpx.Response:
        """Opens an address and follows redirects, one after the other."""
        answer = await self.send("GET" if data is None else "POST", url, data=data)
        while answer.is_redirect:
            answer = await self.send("GET", urljoin(str(answer.url), answer.headers["location"]))
        return answer

    async def sign_in(self, person: str, to: str = "/") -> httpx.Response:
        """Signs in: chooses the person on the provider's page. Returns the page that is opened then."""
        chooser = await self.navigate(f"{self.address}/session/sign-in?to={to}")
        return await self.navigate(str(chooser.url), {"person": person})

    async def ask(self, method: str, path: str, **what: object) -> httpx.Response:
        """What a script of the page sends: with our header and the cookies."""
        headers = {**HEADER, **dict[str, str](what.pop("headers", {}))}  # pyright: ignore[reportArgumentType, reportCallIssue]
        return await self.send(method, f"{self.address}{path}", headers=headers, **what)

    def stream(
        self, path: str, last_event_id: str | None = None
    ) -> AbstractAsyncContextManager[httpx.Response]:
        """A stream, as the page opens it."""
        resumed = {"Last-Event-ID": last_event_id} if last_event_id else {}
        url = f"{self.address}{path}"
        return self._http.stream("GET", url, headers={**HEADER, **self.cookie_header(url), **resumed})

    def cookie_header(self, url: str) -> dict[str, str]:
        """The header with the cookies for an address."""
        cookies = self.cookies.get(_origin(url), {})
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}

    async def send(self, method: str, url: str, **what: object) -> httpx.Response:
        """Sends one request with the cookies of its origin, and keeps those that the answer sets."""
        headers = {**dict[str, str](what.pop("headers", {})), **self.cookie_header(url)}  # pyright: ignore[reportArgumentType, reportCallIssue]
        answer = await self._http.request(method, url, headers=headers, **what)  # pyright: ignore[reportArgumentType]
        jar = self.cookies.setdefault(_origin(url), {})
        for header in answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            value, *attributes = (part.strip() for part in rest.split(";"))
            if "max-age=0" in {attribute.lower() for attribute in attributes} or not value:
                jar.pop(name, None)
            else:
                jar[name] = value
        self._http.cookies.clear()
        self.answers.append(answer)
        return answer


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])
