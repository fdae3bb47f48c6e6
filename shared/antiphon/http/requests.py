"""What every request keeps to: known query parameters, a body of the stated type. What is wrong with one, in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from email.message import Message
from types import MappingProxyType
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid
from antiphon.organisation.document import did_you_mean

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_MANY = frozenset({list, set, frozenset, tuple})
Values = Mapping[str, Any]
# What pydantic found, by its type of error; others have pydantic's own words.
_SENTENCES: Mapping[str, Callable[[Values], str]] = MappingProxyType(
    {
        "missing": lambda _: "is required",
        "extra_forbidden": lambda _: "is not a field that can be sent here",
        "string_too_short": lambda limits: _at_least(limits, "character"),
        "too_short": lambda limits: _at_least(limits, str(limits.get("field_type", "item")).lower()),
        "string_too_long": lambda limits: f"must have at most {limits['max_length']} characters",
        "model_attributes_type": lambda _: "must be a JSON object",
        "model_type": lambda _: "must be a JSON object",
        "dict_type": lambda _: "must be a JSON object",
        "string_type": lambda _: "must be text",
    }
)


def _at_least(limits: Values, what: str) -> str:
    least = limits["min_length"]
    return "must not be empty" if least == 1 else f"must have at least {least} {what}s"


def query_parameters(route: Dependant) -> Mapping[str, bool]:
    """The names of a route's query parameters, with those of what it depends on, and whether each may be repeated."""
    found = {field.alias: _is_many(field.field_info.annotation) for field in route.query_params}
    for part in route.dependencies:
        found |= query_parameters(part)
    return found


def _is_many(annotation: object) -> bool:
    return get_origin(annotation) in _MANY or any(_is_many(part) for part in get_args(annotation))


def require_known_parameters(request: Request, known: Mapping[str, bool]) -> None:
    """Raises Problem 422 with each query parameter that the route does not have, and each that is given twice."""
    errors = [
        ErrorPlace(parameter=name, detail=detail)
        for name in dict.fromkeys(request.query_params.keys())
        if (detail := _fault(name, len(request.query_params.getlist(name)), known))
    ]
    if errors:
        raise invalid(*errors)


def _fault(name: str, given: int, known: Mapping[str, bool]) -> str | None:
    if name not in known:
        near = did_you_mean(name, known) if known else ": this takes none"
        return f"unknown parameter {name!r}{near}"
    return "is given more than once" if given > 1 and not known[name] else None


def body_types(route: APIRoute) -> tuple[str, ...]:
    """The media types of a route's body that FastAPI parses; none for a route without one, or which reads it itself."""
    if route.body_field is None:
        return ()
    return FORMS if isinstance(route.body_field.field_info, Form) else ("application/json",)


def require_body_type(request: Request, types: tuple[str, ...]) -> None:
    """Raises Problem 415 when a body comes without one of these media types."""
    if not types or not _has_body(request):
        return
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    given = header.get_content_type() if header["Content-Type"] else None
    is_json = given is not None and given.startswith("application/") and given.endswith("+json")
    if given not in types and not (is_json and "application/json" in types):
        detail = f"Send the body as {types[0]}, and say so in Content-Type."
        place = ErrorPlace(header="Content-Type", detail=f"is {given}")
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, detail, errors=[place])


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """The answer to a request that is not of the form of its route: each fault, and where it is."""
    if not isinstance(error, RequestValidationError):
        raise error
    return invalid(*_places(error)).response()


def _places(error: RequestValidationError) -> Iterator[ErrorPlace]:
    for item in error.errors():
        where, *path = item["loc"]
        if item["type"] == "json_invalid":
            yield _broken(str(error.body), item)
        elif where == "body":
            pointer = _pointer(path, error.body, is_missing=item["type"] == "missing")
            yield ErrorPlace(detail=_sentence(item), pointer=pointer)
        else:
            name = str(path[0]) if path else ""
            is_header = where == "header"
            yield ErrorPlace(
                detail=_sentence(item),
                parameter=None if is_header else name,
                header=name if is_header else None,
            )


def _broken(text: str, item: Values) -> ErrorPlace:
    """Where JSON breaks, as people and editors count: lines and columns from 1."""
    before = text[: item["loc"][-1]]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    reason = item["ctx"]["error"]
    return ErrorPlace(
        detail=f"is not JSON: {reason} at line {line}, column {column}", pointer="", line=line, column=column
    )


def _sentence(item: Values) -> str:
    sentence = _SENTENCES.get(item["type"])
    return sentence(item.get("ctx", {})) if sentence else str(item["msg"]).removeprefix("Value error, ")


def _pointer(path: Sequence[str | int], body: Any, *, is_missing: bool) -> str:
    """Where in `body`, as a JSON pointer: pydantic's path without the names of types, which it has for unions."""
    parts: list[str | int] = []
    for place, part in enumerate(path):
        inside = _inside(body, part)
        if inside is None and not (is_missing and place == len(path) - 1):
            continue
        parts.append(part)
        body = inside[0] if inside else None
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _inside(body: Any, part: str | int) -> tuple[Any] | None:
    """The value at `part` of `body`; None when it has no such part."""
    if isinstance(body, Mapping):
        return (body[part],) if part in body else None
    return (body[part],) if isinstance(body, list) and isinstance(part, int) and part < len(body) else None
