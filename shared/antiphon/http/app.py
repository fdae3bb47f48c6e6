"""The HTTP application of a service: problem details, health, metrics and access, the same in every service."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.access.tokens import Access
from antiphon.contracts.base import EARLIEST, LATEST, in_utc
from antiphon.failures import is_transient
from antiphon.http import documentation
from antiphon.http.idempotency import HEADER, REPLAYED
from antiphon.http.permissions import Guarded, roles_of
from antiphon.http.preconditions import sends_etag
from antiphon.http.problem_kinds import BY_STATUS, Kind
from antiphon.http.problems import Problem, ProblemDetails, problems
from antiphon.http.requests import answer_invalid
from antiphon.postgres import revisions
from antiphon.process import logs, metrics, tracing

LOG = logs.get(__name__)
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
Check = Callable[[], Awaitable[str | None]]
# The longest text that a route takes, with every character escaped, fits; who sends more is not read to the end.
MAX_BODY_BYTES = 2 * 1024 * 1024
_REPLAYED: dict[str, Any] = {
    "description": "The request repeats an earlier one under its key, and this is the first answer.",
    "schema": {"const": "true"},
}
_ETAG: dict[str, Any] = {
    "description": "The revision of what is answered; a change of it sends it back as `If-Match`.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_METRICS_EXAMPLE: dict[str, Any] = {
    "content": {
        PlainTextResponse.media_type: {
            "example": 'antiphon_http_requests_total{method="GET",route="/livez",status="200"} 4.0\n'
        }
    }
}


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must not contain lone surrogates") from error
    return value


Words = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
"""Text of a request that the database can store."""


def _written(value: object) -> object:
    if isinstance(value, str) and _RFC3339.match(value):
        return value
    raise ValueError("must be an RFC 3339 date-time with offset")


Moment = Annotated[
    AwareDatetime, BeforeValidator(_written), Field(ge=EARLIEST, le=LATEST), AfterValidator(in_utc)
]
"""An instant of a request, as an RFC 3339 date-time between the years 1900 and 2999; kept in UTC."""


class Health(BaseModel):
    """That the service runs, or can do its work."""

    status: Literal["alive", "ready"] = Field(description="What was asked for.")
    service: str = Field(description="The name of the service.", examples=["routing"])


class Readiness(Health):
    """That the service can do its work, and by which organisation."""

    configuration_version: int | None = Field(
        description="The version of the organisation's document that is active in this process; 0 is the file; null in a "
        "process that works by none.",
        examples=[12],
    )


class Body(BaseModel):
    """The body of a request: unknown fields are refused, and no value is guessed into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def create_app(
    *,
    title: str,
    service: str,
    description: str,
    engine: AsyncEngine,
    access: Access,
    package: str,
    limits: Mapping[str, int] = MappingProxyType({}),
    has_document: bool = True,
) -> FastAPI:
    """The application of `service`. Health checks of its parts are added to `app.state.checks` by name.

    `app.state.configuration_version` gives the version that `/readyz` shows; who runs the service sets it.

    `limits` are the paths whose bodies may have another size than `MAX_BODY_BYTES`; one that ends in `/` is all below it.
    Without `has_document` it serves no OpenAPI document of its own, and no page of it.
    """
    app = FastAPI(
        title=title,
        version="0.1.0",
        description=description,
        license_info={"name": "Apache-2.0"},
        openapi_url="/openapi.json" if has_document else None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.router.route_class = Guarded
    app.state.access = access
    app.state.engine = engine
    app.state.checks = {"database": _database_check(engine, package)}
    app.state.configuration_version = lambda: None
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_BodyLimit, limits=limits)
    app.add_middleware(_Observed)
    app.openapi = lambda: _openapi(app)
    if has_document:
        documentation.add(app)

    @app.get("/livez", tags=["health"])
    async def get_liveness() -> Health:
        """Whether the process runs."""
        return Health(status="alive", service=service)

    @app.get("/readyz", tags=["health"], responses=problems(503))
    async def get_readiness() -> Readiness:
        """Whether the service can do its work (database, migrations, consumer), and which configuration is active in it."""
        failing = {name: reason for name, check in app.state.checks.items() if (reason := await check())}
        if failing:
            detail = "; ".join(f"{name}: {reason}" for name, reason in failing.items())
            raise Problem(Kind.NOT_AVAILABLE, detail)
        version: int | None = app.state.configuration_version()
        return Readiness(status="ready", service=service, configuration_version=version)

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse, responses={200: _METRICS_EXAMPLE})
    async def get_metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    _ = (get_liveness, get_readiness, get_metrics)
    return app


def _operation_id(route: APIRoute) -> str:
    """An operation is named like the function that answers it."""
    return route.name


def _database_check(engine: AsyncEngine, package: str) -> Check:
    head = revisions.head(package)

    async def check() -> str | None:
        try:
            async with engine.connect() as connection:
                at = await connection.scalar(text("select version_num from alembic_version"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
            return type(error).__name__
        return None if at == head else f"at migration {at}, the code needs {head}"

    return check


class _Observed:
    """Traces and counts requests, answers failures with problem details, and forbids browsers to guess media types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called for each request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tracing.enter(tracing.child(Headers(scope=scope).get("traceparent")))
        began, status = time.perf_counter(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if trace := tracing.trace_id(tracing.current()):
                    headers["X-Trace-Id"] = trace
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception as error:
            if status:
                raise  # the answer has begun, so it can only be cut off
            await _answer_to(error, scope)(scope, receive, observed)
        route = getattr(scope.get("route"), "path", "(none)")
        metrics.REQUESTS.labels(route, scope["method"], str(status)).inc()
        if status >= 500 and route != "/readyz":  # not ready is an answer, not a failure
            seconds = round(time.perf_counter() - began, 3)
            LOG.error("request failed", method=scope["method"], route=route, status=status, seconds=seconds)


def _answer_to(error: Exception, scope: Scope) -> JSONResponse:
    request = {"method": scope["method"], "path": scope["path"]}
    if is_transient(error):
        LOG.warning("request refused for now", **request, reason=type(error).__name__)
        return Problem(Kind.NOT_AVAILABLE, "Please try again in a moment.").response()
    LOG.error("request failed", **request, exc_info=error)
    if isinstance(error, Problem):
        return error.response()
    return Problem(Kind.UNEXPECTED_ERROR, "It is logged under the trace id.").response()


class _BodyLimit:
    """Refuses bodies that are too large: at once when the client states their length, else where they pass the limit."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, int]) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called for each request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        detail = f"The body may have {limit} bytes."
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await Problem(Kind.TOO_LARGE, detail).response()(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, detail)  # FastAPI turns any other error here into 400
            return message

        await self._app(scope, limited, send)

    def _limit(self, path: str) -> int:
        below = (
            most for start, most in self._limits.items() if start.endswith("/") and path.startswith(start)
        )
        return self._limits.get(path) or next(below, MAX_BODY_BYTES)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Problem):
        raise error
    return error.response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        raise error
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_verbs(request)))
    detail = error.detail if error.detail and error.detail.casefold() != kind.title.casefold() else None
    return Problem(kind, detail, headers=headers).response()


def _verbs(request: Request) -> set[str]:
    """Every verb of the path that answers; the router gives only those of its first route."""
    path = request.url.path
    matching = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.methods and route.path_regex.match(path)
    ]
    # `/customers/export` also looks like `/customers/{customer_id}`, which answers no request for it.
    return {
        verb
        for route in matching
        if route.path_format == matching[0].path_format
        for verb in route.methods or ()
    }


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    raise error  # logged and answered by _observe, where the request is known


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in details.pop("$defs").items():
            components.setdefault(name, part)
        components["ProblemDetails"] = details
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _document_errors(operation)
                _document_replays(operation)
        _document_routes(app, schema["paths"])
        app.openapi_schema = schema
    return app.openapi_schema


def _document_errors(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    responses.update({str(status): answer for status, answer in problems(422).items()})
    if operation.get("security"):
        responses.update({str(status): answer for status, answer in problems(401, 403).items()})
    if operation.get("requestBody"):
        statuses = (
            (400, 413) if "application/yaml" in operation["requestBody"]["content"] else (400, 413, 415)
        )
        responses.update({str(status): answer for status, answer in problems(*statuses).items()})


def _document_replays(operation: dict[str, Any]) -> None:
    """States the header of a repeat's answer where an operation takes idempotency keys."""
    if any(parameter["name"] == HEADER for parameter in operation.get("parameters", ())):
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                answer["headers"] = {REPLAYED: _REPLAYED}


def _document_routes(app: FastAPI, paths: dict[str, Any]) -> None:
    """States at each operation what is read from its code: who may call it, as `x-roles`, and the ETag that it sends."""
    for route in iter_route_contexts(app.routes):
        operations = paths.get(route.path_format or "", {})
        for verb in {verb.lower() for verb in route.methods or ()} & operations.keys():
            roles = roles_of(route.dependant)
            if roles is not None:
                operations[verb]["x-roles"] = sorted(str(role) for role in roles)
            if sends_etag(route.dependant):
                _document_etag(operations[verb])


def _document_etag(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answer.setdefault("headers", {})["ETag"] = _ETAG
