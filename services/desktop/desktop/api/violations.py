"""Reports of browsers that a page tried what its policy forbids."""

from typing import Final

from fastapi import FastAPI, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.process import logs

LOG = logs.get(__name__)
PATH: Final = "/session/violations"
MAX_BYTES: Final = 16 * 1024
_DIRECTIVES = frozenset(
    {
        "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem", "style-src-attr", "img-src", "font-src",
        "media-src", "connect-src", "frame-src", "base-uri", "form-action", "frame-ancestors", "require-trusted-types-for",
        "default-src",
    }
)  # fmt: skip
# Reports of browsers, by the directive that forbade it.
VIOLATIONS = Counter(
    "antiphon_page_policy_violations_total", "Reports that a page broke its policy", ["directive"]
)


class _Report(BaseModel):
    model_config = ConfigDict(extra="ignore")

    directive: str = Field("", alias="effective-directive", max_length=100)
    blocked: str = Field("", alias="blocked-uri", max_length=2000)
    file: str = Field("", alias="source-file", max_length=2000)
    line: int = Field(0, alias="line-number")


class _Body(BaseModel):
    report: _Report = Field(alias="csp-report")


def add(app: FastAPI) -> None:
    """Adds the route, which browsers call without our header. Source of the form: CSP level 3, section 5.3."""

    async def report(request: Request) -> Response:
        try:
            found = _Body.model_validate_json(await request.body()).report
        except ValidationError as error:
            raise Problem(Kind.MALFORMED_REQUEST, "This is no report of a violation.") from error
        directive = found.directive if found.directive in _DIRECTIVES else "other"
        VIOLATIONS.labels(directive).inc()
        LOG.warning(
            "a page broke its policy",
            directive=directive,
            blocked=found.blocked,
            file=found.file,
            line=found.line,
        )
        return Response(status_code=204)

    app.add_route(PATH, report, methods=["POST"], include_in_schema=False)
