"""What every service refuses of a request: unknown parameters, bodies of another type; and where it says the fault is."""

from typing import Annotated, Literal

import httpx
import pytest
from fastapi import APIRouter, File, Query, UploadFile
from pydantic import Field

from antiphon.access.tokens import Access
from antiphon.http.app import Body, create_app
from antiphon.http.changes import EVERYTHING, ChangeFeed, EventStream
from antiphon.http.pages import Cursor
from antiphon.http.permissions import Guarded
from antiphon.postgres.engine import create_engine


class Call(Body):
    kind: Literal["call"]
    number: str = Field(min_length=1, max_length=3)


class Letter(Body):
    kind: Literal["letter"]
    pages: list[int] = Field(min_length=1)


class Message(Body):
    text: str = Field(min_length=1)
    by: Annotated[Call | Letter, Field(discriminator="kind")] | None = None
    either: int | list[int] = 0


@pytest.fixture
def http() -> httpx.AsyncClient:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    access = Access(issuer="https://issuer.example", audience="antiphon", jwks="keys.json")
    app = create_app(title="t", service="t", description="t", engine=engine, access=access, package="routing")
    routes = APIRouter(route_class=Guarded)

    @routes.get("/messages")
    async def messages(
        status: str = "open", cursor: Cursor = None, by: Annotated[list[str] | None, Query()] = None
    ) -> int:
        return len(status) + len(cursor or "") + len(by or [])

    @routes.get("/changes", response_class=EventStream)
    async def changes(only: str = "all") -> EventStream:
        del only
        return EventStream(ChangeFeed(engine).stream(None, EVERYTHING))

    @routes.post("/messages")
    async def send(message: Message) -> str:
        return message.text

    @routes.post("/files")
    async def upload(file: Annotated[UploadFile, File()]) -> str:
        return file.filename or ""

    app.include_router(routes)
    _ = messages, changes, send, upload
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "errors"),
    [
        ("/messages?stauts=open", {"stauts": "unknown parameter 'stauts', did you mean 'status'?"}),
        ("/messages?q=bench", {"q": "unknown parameter 'q'; there is status, cursor, by"}),
        ("/messages?q&Status=open", {"q": None, "Status": "unknown parameter 'Status', did you mean 'status'?"}),
        ("/messages?status=open&status=closed", {"status": "is given more than once"}),
        ("/changes?onyl=mine", {"onyl": "unknown parameter 'onyl', did you mean 'only'?"}),
        ("/livez?verbose", {"verbose": "unknown parameter 'verbose': this takes none"}),
    ],
)  # fmt: skip
async def test_an_unknown_query_parameter_is_422_with_its_name(
    http: httpx.AsyncClient, path: str, errors: dict[str, str | None]
) -> None:
    answer = await http.get(path)
    assert answer.status_code == 422, answer.text
    found = {error["parameter"]: error["detail"] for error in answer.json()["errors"]}
    assert found.keys() == errors.keys()
    assert [found[name] for name, detail in errors.items() if detail] == [d for d in errors.values() if d]


async def test_a_parameter_that_takes_several_values_may_be_repeated(http: httpx.AsyncClient) -> None:
    assert (await http.get("/messages?by=queue&by=channel")).json() == 6


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        ('{"text": "a",}', 1, 14),
        ("{", 1, 2),
        ('{"text": "Grüße",\n "by" 3}', 2, 7),
        ('{\r\n  "text": x\r\n}', 2, 11),
    ],
)
async def test_broken_json_is_answered_with_its_line_and_column(
    http: httpx.AsyncClient, body: str, line: int, column: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await http.post("/messages", content=body.encode(), headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["line"], error["column"]) == ("", line, column)


@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/messages", None, 415),
        ("/messages", "text/plain", 415),
        ("/messages", "application/x-www-form-urlencoded", 415),
        ("/messages", "application/json; charset=utf-8", 200),
        ("/messages", "application/merge-patch+json", 200),
        ("/files", "application/json", 415),
    ],
)
async def test_a_body_of_another_type_is_415_with_the_type_to_send(
    http: httpx.AsyncClient, path: str, content_type: str | None, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await http.post(path, content=b'{"text": "a"}', headers=headers)
    assert answer.status_code == status, answer.text
    if status == 415:
        wanted = "application/json" if path == "/messages" else "multipart/form-data"
        assert wanted in answer.json()["detail"]
        assert [error["header"] for error in answer.json()["errors"]] == ["Content-Type"]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"text": ""}, "/text", "must not be empty"),
        ({}, "/text", "is required"),
        ({"text": "a", "by": {"kind": "call"}}, "/by/number", "is required"),
        (
            {"text": "a", "by": {"kind": "call", "number": "1234"}},
            "/by/number",
            "must have at most 3 characters",
        ),
        ({"text": "a", "by": {"kind": "letter", "pages": []}}, "/by/pages", "must not be empty"),
        ({"text": "a", "by": {"kind": "letter", "pages": [1, "x"]}}, "/by/pages/1", None),
        ({"text": "a", "by": {"kind": "fax"}}, "/by", None),
        ({"text": "a", "either": ["x"]}, "/either/0", None),
        ({"text": "a", "a/b~": 1}, "/a~1b~0", "is not a field that can be sent here"),
        ([], "", "must be a JSON object"),
        (None, "", "is required"),
    ],
)
async def test_a_pointer_leads_to_what_is_wrong_in_the_body(
    http: httpx.AsyncClient, body: object, pointer: str, detail: str | None
) -> None:
    answer = await (http.post("/messages") if body is None else http.post("/messages", json=body))
    assert answer.status_code == 422
    found = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert pointer in found
    if detail:
        assert found == {pointer: detail}
