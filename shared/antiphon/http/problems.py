"""Problem details: the body of every HTTP error. Source: RFC 9457; `errors` lists what is wrong and where."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import JSONResponse
from typing_extensions import TypedDict, Unpack

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Identifier
from antiphon.http.problem_kinds import URN, Kind

MEDIA_TYPE = "application/problem+json"


class ErrorPlace(BaseModel):
    """One thing that is wrong, and where: in the body (`pointer`, RFC 6901), a parameter, or a header."""

    detail: str | None = Field(default=None, description="What is wrong.")
    pointer: str | None = Field(default=None, description="Where in the body, as a JSON pointer (RFC 6901).")
    line: int | None = Field(default=None, description="In which line of a body that is not JSON, from 1.")
    column: int | None = Field(default=None, description="In which column of that line, from 1.")
    parameter: str | None = Field(default=None, description="In which path or query parameter.")
    header: str | None = Field(default=None, description="In which header.")


class LastEntry(BaseModel):
    """What happened to a case meanwhile, with its words, so that they can be shown beside those of the caller."""

    entry_id: int = Field(description="The id of the entry in the case's record.", examples=[4711])
    kind: str = Field(
        description="`interaction`, `interaction-edited`, `interaction-deleted`, `reply-requested`, `reply-failed` or "
        "`status-changed`.",
        examples=["reply-requested"],
    )
    actor: Actor = Field(description="Who did it.")
    occurred_at: datetime = Field(description="When it happened.")
    interaction_id: UUID | None = Field(
        default=None, description="What the customer said, edited or deleted."
    )
    reply_id: UUID | None = Field(
        default=None, description="The reply that was written, or could not be sent."
    )
    text: str | None = Field(
        default=None,
        description="The words of that reply, or of that interaction as they are now; null where it has none, or was deleted.",
    )
    status: str | None = Field(default=None, description="The status that a person set.")
    reason: str | None = Field(
        default=None, description="Why they set it, or why the reply could not be sent."
    )


class ProblemDetails(BaseModel):
    """The body of an error. `docs/problems.md` lists the kinds of errors, and which members each has."""

    type: str = Field(
        pattern=rf"^{URN}[a-z0-9-]+$",
        description="A URI that names the kind of error, the same for ever.",
        examples=[Kind.WORK_COMPLETED.type],
    )
    title: str = Field(description="The kind of error, in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(None, description="What happened this time, and what to do about it.")
    errors: list[ErrorPlace] | None = Field(None, description="What is wrong and where, one entry each.")
    state: str | None = Field(
        None, description="The state of the thing, in which the operation is not possible."
    )
    agent_id: str | None = Field(None, description="The agent who has the work; null when nobody has.")
    why_not: str | None = Field(None, description="Why the agent can be offered nothing now, as a code.")
    presence: str | None = Field(
        None, description="The agent's presence, when that is why they can be offered nothing."
    )
    result: str | None = Field(None, description="How the offer ended.")
    recipient: Identifier | None = Field(
        None, description="To whom the reply would go; null when the interaction has no address."
    )
    parts: list[str] | None = Field(None, description="The parts in which the network would post the reply.")
    customer_id: UUID | None = Field(None, description="The customer who has the identifier.")
    revision: int | None = Field(
        None, description="The current revision of what the caller saw in an earlier one."
    )
    changed_by: str | None = Field(None, description="Who changed it since.")
    last: LastEntry | None = Field(
        None,
        description="The newest entry of the case's record that the author of a reply must have seen. The entries since the "
        "newest that the author saw are in the record of the case.",
    )
    configuration_version: int | None = Field(None, description="The version that has a rollout.")
    rollout: int | None = Field(None, description="The percent of the cases that the version decides about.")
    active_version: int | None = Field(None, description="The version that is active now.")
    base_version: int | None = Field(None, description="The version that the draft was made from.")
    changed_since: list[str] | None = Field(
        None, description="What changed since the base version, a sentence each."
    )
    differences: list[str] | None = Field(
        None, description="What a rollout can't change and the draft does, a sentence each."
    )
    shadow_id: UUID | None = Field(None, description="The shadow that runs.")


class Members(TypedDict, total=False):
    """The members of some kinds of problems: the fields of ProblemDetails of the same names."""

    state: str
    agent_id: str | None
    why_not: str
    presence: str | None
    result: str
    recipient: Identifier | None
    parts: list[str]
    customer_id: UUID
    revision: int
    changed_by: str
    last: LastEntry | None
    configuration_version: int
    rollout: int
    active_version: int | None
    base_version: int
    changed_since: list[str]
    differences: list[str]
    shadow_id: UUID


_MEMBERS = TypeAdapter(Members)


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error of one kind, with what happened this time, and the members by which a program can go on."""

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        errors: Sequence[ErrorPlace] = (),
        headers: dict[str, str] | None = None,
        **members: Unpack[Members],
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.headers = headers
        self.body: dict[str, Any] = {"type": kind.type, "title": kind.title, "status": kind.status}
        if detail:
            self.body["detail"] = detail
        if errors:
            self.body["errors"] = [place.model_dump(exclude_none=True) for place in errors]
        self.body.update(_MEMBERS.dump_python(members, mode="json"))

    @property
    def status(self) -> int:
        """The HTTP status of its kind."""
        return self.kind.status

    def response(self) -> JSONResponse:
        """The problem as an HTTP answer."""
        return JSONResponse(self.body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """404 for a thing that does not exist, or that the reader may not see."""
    return Problem(Kind.NOT_FOUND, f"There is no such {what}.")


def invalid(*errors: ErrorPlace) -> Problem:
    """422 for values that can't be used."""
    return Problem(Kind.INVALID_INPUT, "Some of what was sent can't be used.", errors=errors)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI: these statuses answer problem details."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
