"""The API of connections, the same in every service that has some: their states, their secrets, a login on trial."""

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import STAFF, Role
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections import store
from antiphon.connections.secrets import Secrets
from antiphon.connections.states import Connection, NotConnectedError, Reason, State, in_words
from antiphon.connections.store import Report
from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.permissions import require
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid, not_found, problems
from antiphon.organisation.organisation import Organisation
from antiphon.postgres import query
from antiphon.process import logs

LOG = logs.get(__name__)
REPORTED_WITHIN = timedelta(minutes=3)
# A transaction is open meanwhile, which the database ends after 30 seconds without a statement.
TEST_TAKES_AT_MOST = timedelta(seconds=15)
# Control characters, which could end a command of a protocol, and lone surrogates.
_NOT_IN_A_SECRET = {"Cc", "Cs"}
_C = TypeVar("_C", bound=Connection)
Name = Annotated[str, Path(description="The name of the connection, as the list of connections has it.")]


@dataclass(frozen=True)
class Connections(Generic[_C]):
    """What a service says of its connections: those of a document, their secrets, and how it logs in to try one."""

    active: ActiveOrganisation
    secrets: Secrets
    of: Callable[[Organisation], Sequence[_C]]
    log_in: Callable[[_C], Awaitable[None]]
    """Logs in and out again. Raises NotConnectedError."""

    def find(self, name: str) -> _C:
        """The connection of this name in the active document. Raises Problem."""
        found = next((one for one in self.of(self.active.current.organisation) if one.name == name), None)
        if found is None:
            raise not_found("connection: the organisation's document has no such mailbox or account")
        return found


_CONNECTION: dict[str, JsonValue] = {
    "name": "council@banksia.example",
    "kind": "imap",
    "server": "imap.banksia.example:993 (implicit)",
    "state": "not-connected",
    "reason": "login-refused",
    "detail": in_words(Reason.LOGIN_REFUSED),
    "last_success_at": "2026-11-23T08:00:00Z",
    "last_error_at": "2026-11-23T09:00:00Z",
    "last_error": "LOGIN failed.",
    "configuration_version": 7,
}


class ConnectionView(BaseModel):
    """A mailbox or an account of the organisation, and whether it is read."""

    model_config = ConfigDict(json_schema_extra={"example": _CONNECTION})

    name: str = Field(description="The address of the mailbox, or network and handle: `network:handle`.")
    kind: str = Field(
        description="By what the service reads it: `smtp`, where others bring the mail, `imap`, or the network."
    )
    server: str | None = Field(
        description="The server that the service logs in to, and the encryption; null for `smtp`."
    )
    state: State = Field(description="Whether it is read now. `disabled`: the document says so.")
    reason: Reason | None = Field(description="Why it is not connected; null when it is, or is disabled.")
    detail: str | None = Field(description="The reason in words, with what to do about it.")
    last_success_at: datetime | None = Field(
        description="When it was connected the last time, to a minute; null before, and for `smtp`."
    )
    last_error_at: datetime | None = Field(
        description="When it failed the last time; null when it never did."
    )
    last_error: str | None = Field(description="What the server or the network answered then.")
    configuration_version: int = Field(
        description="The version of the organisation's document by which the answering process works."
    )


class NewSecret(Body):
    """The secret of a connection. No answer ever has it."""

    model_config = ConfigDict(json_schema_extra={"example": {"secret": "the password of the mailbox"}})

    secret: Annotated[
        SecretStr,
        Field(
            min_length=1,
            max_length=4096,
            description="The password, without control characters. It is stored encrypted, for the server that the document "
            "names now.",
        ),
    ]


class LoginResult(BaseModel):
    """What happened when the service logged in, now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "state": "not-connected", "reason": "login-refused",
                "detail": in_words(Reason.LOGIN_REFUSED), "error": "LOGIN failed.",
            }
        }
    )  # fmt: skip

    state: State = Field(description="`connected` when the login succeeded.")
    reason: Reason | None = Field(description="Why it did not; null when it did.")
    detail: str | None = Field(description="The reason in words, with what to do about it.")
    error: str | None = Field(description="What the server or the network answered.")


def add(routes: APIRouter, engine: AsyncEngine, connections: Connections[_C]) -> None:
    """Adds the routes."""

    @routes.get("/connections", tags=["connections"], dependencies=[Depends(require(*STAFF))])
    async def list_connections() -> list[ConnectionView]:
        """Lists the mailboxes or accounts of the organisation's document: whether each is connected, and why not."""
        version = connections.active.current
        async with engine.connect() as connection:
            reports = await store.read(connection)
            now = await query.now(connection)
        return [
            _view(one, reports.get(one.name), now, version.number)
            for one in connections.of(version.organisation)
        ]

    @routes.put(
        "/connections/{name}/secret",
        tags=["connections"],
        status_code=204,
        dependencies=[Depends(require(Role.OPERATIONS))],
        responses=problems(404, 409, 503),
    )
    async def set_connection_secret(name: Name, body: NewSecret) -> None:
        """Stores the password of a mailbox or account, encrypted. A connection that waits tries it at once."""
        server = _server_of(connections.find(name))
        secret = body.secret.get_secret_value()
        if any(unicodedata.category(character) in _NOT_IN_A_SECRET for character in secret):
            raise invalid(ErrorPlace(pointer="/secret", detail="must have no control characters"))
        try:
            await asyncio.to_thread(connections.secrets.store, name, server, secret)
        except OSError as error:
            LOG.exception("secret could not be stored", connection=name)
            detail = f"The folder of secrets can't be written ({type(error).__name__})."
            raise Problem(Kind.NOT_AVAILABLE, detail) from error
        LOG.info("secret stored", connection=name)
        async with engine.begin() as tx:
            await store.notify(tx, name)

    @routes.post(
        "/connections/{name}/test",
        tags=["connections"],
        dependencies=[Depends(require(Role.OPERATIONS))],
        responses=problems(404, 409),
    )
    async def check_connection(name: Name, tx: OnceTx) -> LoginResult:
        """Logs in now, within 20 seconds, and shows what happened. After a success a connection that waits tries again at once."""
        one = connections.find(name)
        _server_of(one)
        try:
            async with asyncio.timeout(TEST_TAKES_AT_MOST.total_seconds()):
                await connections.log_in(one)
        except NotConnectedError as error:
            return _result(error.reason, error.detail)
        except TimeoutError:
            return _result(Reason.UNREACHABLE, f"no answer within {TEST_TAKES_AT_MOST.total_seconds():.0f} s")
        await store.notify(tx, name)
        return LoginResult(state=State.CONNECTED, reason=None, detail=None, error=None)

    _ = (list_connections, set_connection_secret, check_connection)


def _server_of(one: Connection) -> str:
    if one.server is None:
        detail = f"The service logs in nowhere for {one.name}: others bring its mail by SMTP."
        raise Problem(Kind.CONNECTION_WITHOUT_LOGIN, detail)
    return one.server


def _view(one: Connection, report: Report | None, now: datetime, version: int) -> ConnectionView:
    state, reason = _state(one, report, now)
    return ConnectionView(
        name=one.name,
        kind=one.kind,
        server=one.server,
        state=state,
        reason=reason,
        detail=None if reason is None else in_words(reason),
        last_success_at=report.last_success_at if report else None,
        last_error_at=report.last_error_at if report else None,
        last_error=report.last_error if report else None,
        configuration_version=version,
    )


def _state(one: Connection, report: Report | None, now: datetime) -> tuple[State, Reason | None]:
    if not one.is_enabled:
        return State.DISABLED, None
    if one.server is None:
        return State.CONNECTED, None
    if report is None:
        return State.NOT_CONNECTED, Reason.NOT_TRIED
    if report.state is State.CONNECTED and now - report.reported_at > REPORTED_WITHIN:
        return State.NOT_CONNECTED, Reason.NOT_REPORTED
    return report.state, report.reason


def _result(reason: Reason, error: str) -> LoginResult:
    return LoginResult(state=State.NOT_CONNECTED, reason=reason, detail=in_words(reason), error=error)
