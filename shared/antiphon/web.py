"""The HTTP door: one application with problem details, health, metrics and access, alike in every service."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import AfterValidator, BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from antiphon import logs, metrics, migrations, tracing
from antiphon.access import Access
from antiphon.problems import TITLES, ErrorPlace, Problem, ProblemDetails, problems

LOG = logs.get(__name__)
Check = Callable[[], Awaitable[str | None]]


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must not contain lone surrogates") from error
    return value


Words = Annotated[str, AfterValidator(_storable)]
"""Text that a request brings and that can be kept."""


class Body(BaseModel):
    """The body of a request: unknown fields are refused, and no value is guessed into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def create_app(
    *, title: str, service: str, description: str, engine: AsyncEngine, access: Access, package: str
) -> FastAPI:
    """The application of `service`. Health checks of its parts are added to `app.state.checks` by name."""
    app = FastAPI(
        title=title,
        version="0.1.0",
        description=description,
        license_info={"name": "Apache-2.0"},
        redoc_url=None,
    )
    app.state.access = access
    app.state.engine = engine
    app.state.checks = {"database": _database_check(engine, package)}
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.middleware("http")(_observe)
    app.openapi = lambda: _openapi(app)

    @app.get("/livez", tags=["health"])
    async def livez() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "alive", "service": service}

    @app.get("/readyz", tags=["health"], responses=problems(503))
    async def readyz() -> dict[str, str]:
        """Whether the service can do its work: database, migrations, consumer."""
        wrong = {name: told for name, check in app.state.checks.items() if (told := await check())}
        if wrong:
            raise Problem(503, "Not available", "; ".join(f"{name}: {told}" for name, told in wrong.items()))
        return {"status": "ready", "service": service}

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def show_metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    _ = (livez, readyz, show_metrics)
    return app


def _database_check(engine: AsyncEngine, package: str) -> Check:
    head = migrations.head(package)

    async def check() -> str | None:
        try:
            async with engine.connect() as connection:
                at = await connection.scalar(text("select version_num from alembic_version"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
            return type(error).__name__
        return None if at == head else f"at migration {at}, the code needs {head}"

    return check


async def _observe(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    tracing.enter(tracing.child(request.headers.get("traceparent")))
    began = time.perf_counter()
    try:
        response = await call(request)
    except Exception as error:
        LOG.exception("request failed", method=request.method, path=request.url.path)
        if isinstance(error, Problem):
            return error.response()
        return Problem(500, "Unexpected error", "It is logged under the trace id.").response()
    route = getattr(request.scope.get("route"), "path", "(none)")
    metrics.REQUESTS.labels(route, request.method, str(response.status_code)).inc()
    if response.status_code >= 500 and route != "/readyz":  # not ready is an answer, not a failure
        LOG.error(
            "request failed",
            method=request.method,
            route=route,
            status=response.status_code,
            seconds=round(time.perf_counter() - began, 3),
        )
    trace = tracing.trace_id(tracing.current())
    if trace:
        response.headers["X-Trace-Id"] = trace
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _problem(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Problem):
        raise error
    return error.response()


async def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    title = TITLES.get(error.status_code, "Problem")
    detail = error.detail if error.detail and error.detail != title else None
    return Problem(error.status_code, title, detail, headers=dict(error.headers or {})).response()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    places = [_place(item) for item in error.errors()]
    return Problem(422, "Invalid input", "Some of what was sent can't be used.", errors=places).response()


def _place(item: dict[str, Any]) -> dict[str, Any]:
    where, *path = [str(part) for part in item["loc"]]
    detail = str(item["msg"]).removeprefix("Value error, ")
    if where == "body":
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in path)
        return {"detail": detail, "pointer": "".join(f"/{part}" for part in escaped)}
    return {"detail": detail, "header" if where == "header" else "parameter": ".".join(path)}


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
        place = ErrorPlace.model_json_schema()
        details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        details.pop("$defs", None)
        components["ErrorPlace"] = place
        components["ProblemDetails"] = details
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _document_errors(operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _document_errors(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    if "422" in responses or operation.get("requestBody") or operation.get("parameters"):
        responses.update({str(status): told for status, told in problems(422).items()})
    if operation.get("security"):
        responses.update({str(status): told for status, told in problems(401, 403).items()})
    if operation.get("requestBody"):
        responses.update({str(status): told for status, told in problems(400).items()})
