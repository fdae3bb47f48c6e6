"""Problem details: the body of every HTTP error. Source: RFC 9457; `errors` lists what is wrong and where."""

from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    428: "Precondition required",
    503: "Not available",
}


class ErrorPlace(BaseModel):
    """One thing that is wrong, and where: in the body (`pointer`, RFC 6901), a parameter, or a header."""

    detail: str | None = Field(None, description="What is wrong.")
    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer (RFC 6901).")
    line: int | None = Field(None, description="In which line of a body that is not JSON, from 1.")
    column: int | None = Field(None, description="In which column of that line, from 1.")
    parameter: str | None = Field(None, description="In which path or query parameter.")
    header: str | None = Field(None, description="In which header.")


class ProblemDetails(BaseModel):
    """The body of an error."""

    type: str = Field("about:blank", description="A URI that names the kind of error.")
    title: str = Field(description="The kind of error, in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(None, description="What happened this time, and what to do about it.")
    errors: list[ErrorPlace] | None = Field(None, description="What is wrong and where, one entry each.")


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error with its status, a title that is always the same for its kind, and what happened this time.

    `type_` is the URI by which a program distinguishes it from other errors of the same status.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        type_: str = "about:blank",
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.headers = headers
        self.body: dict[str, Any] = {"type": type_, "title": title, "status": status}
        if detail:
            self.body["detail"] = detail
        if errors:
            self.body["errors"] = errors
        self.body.update(more)

    def response(self) -> JSONResponse:
        """The problem as an HTTP answer."""
        return JSONResponse(self.body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """404 for a thing that does not exist, or that the reader may not see."""
    return Problem(404, "Not found", f"There is no such {what}.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI: these statuses answer problem details."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {
            "description": TITLES.get(status, "Problem"),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }
