"""The services behind the desktop: a request goes on to one of them, and its answer comes back, neither read whole."""

from collections.abc import AsyncGenerator, Collection, Mapping

import httpx
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.process import logs, tracing
from desktop.domain.headers import handed_back, passed_on

LOG = logs.get(__name__)
OWN = "http://desktop.invalid"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_BODILESS = {"GET", "HEAD", "OPTIONS"}
# A stream says something every 15 seconds; a service that says nothing for longer than this is away.
_TIMES = httpx.Timeout(connect=5, read=60, write=60, pool=None)


def client(own: FastAPI) -> httpx.AsyncClient:
    """The client for services: as many connections as there are streams and requests. At OWN it reaches the desktop's own API."""
    return httpx.AsyncClient(
        timeout=_TIMES, limits=httpx.Limits(max_connections=None, max_keepalive_connections=100), trust_env=False,
        mounts={OWN: httpx.ASGITransport(own)},
    )  # fmt: skip


class Services:
    """The services by their names and addresses."""

    def __init__(self, addresses: Mapping[str, str], http: httpx.AsyncClient) -> None:
        self._addresses = addresses
        self.http = http

    @property
    def names(self) -> Collection[str]:
        """The names of the services."""
        return self._addresses.keys()

    def address(self, service: str) -> str:
        """The address of a service. Raises Problem 404."""
        if service not in self._addresses:
            raise not_found("service")
        return self._addresses[service]

    async def pass_on(self, request: Request, service: str, path: str, token: str) -> httpx.Response:
        """A service's answer to a request, under the token; `handed_on` hands it on, and closes it.

        Raises Problem 404 for an unknown service, 503 for one that is away.
        """
        going_on = self.http.build_request(
            request.method,
            httpx.URL(self.address(service)).copy_with(raw_path=_raw_path(request, service, path)),
            headers=passed_on(request.headers.items(), token, tracing.current()),
            content=None if request.method in _BODILESS else request.stream(),
        )
        try:
            answer = await self.http.send(going_on, stream=True)
        except ClientDisconnect as error:
            raise Problem(Kind.MALFORMED_REQUEST, "The body ended before its end.") from error
        except httpx.TransportError as error:
            LOG.warning("a service is away", service=service, reason=type(error).__name__)
            raise Problem(Kind.NOT_AVAILABLE, f"{service} does not answer.") from error
        # A service knows no prefix.
        if answer.headers.get("location", "").startswith("/"):
            answer.headers["location"] = f"/api/{service}{answer.headers['location']}"
        return answer


def handed_on(answer: httpx.Response, chunks: AsyncGenerator[bytes]) -> StreamingResponse:
    """The answer for the client, with these chunks."""
    response = StreamingResponse(chunks, answer.status_code)
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in handed_back(answer.headers.multi_items())
    ]
    return response


def _raw_path(request: Request, service: str, path: str) -> bytes:
    """The path below the service as the client wrote it, with its query: a quoted slash stays quoted."""
    raw: bytes | None = request.scope.get("raw_path")
    prefix = f"/api/{service}/".encode()
    below = raw[len(prefix) :] if raw is not None and raw.startswith(prefix) else path.encode()
    query: bytes = request.scope["query_string"]
    return b"/" + below + (b"?" + query if query else b"")


async def chunks_of(answer: httpx.Response) -> AsyncGenerator[bytes]:
    """The body of an answer as it comes, in the coding that it has; at the end the answer is closed."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
