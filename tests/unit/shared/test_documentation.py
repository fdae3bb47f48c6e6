"""`/docs` loads nothing from another host, and works without the files of Swagger UI."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.http.documentation import FILES
from antiphon.postgres.engine import create_engine
from deploy.site import PROJECT

SWAGGER_UI = PROJECT / "deploy" / "node" / "node_modules" / "swagger-ui-dist"


@pytest.fixture
def app() -> FastAPI:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    access = Access(issuer="https://issuer.example", audience="antiphon", jwks="keys.json")
    return create_app(
        title="<b>t</b>", service="t", description="t", engine=engine, access=access, package="routing"
    )


@pytest.fixture
def http(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("swagger_ui", [None, SWAGGER_UI])
async def test_the_page_and_its_policy_allow_no_inline_script_and_no_other_host(
    app: FastAPI, http: httpx.AsyncClient, swagger_ui: Path | None
) -> None:
    app.state.swagger_ui = swagger_ui
    page = await http.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)
    assert not re.search(r"https?://|<script>|<style>|style=| on\w+=", page.text)
    assert "<b>t</b>" not in page.text


async def test_swagger_ui_and_all_that_the_page_loads_come_from_the_service(
    app: FastAPI, http: httpx.AsyncClient
) -> None:
    app.state.swagger_ui = SWAGGER_UI
    page = (await http.get("/docs")).text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {path.removeprefix("docs/") for path in loaded} == {*FILES, "start.js"}
    answers = [await http.get(f"/{path}") for path in loaded]
    assert [answer.status_code for answer in answers] == [200] * len(loaded)
    assert all(answer.headers["Content-Security-Policy"] for answer in answers)
    assert (await http.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize("name", ["package.json", "index.html", "..%2Fpackage.json", "swagger-ui.js"])
async def test_only_the_files_of_the_page_are_served(
    app: FastAPI, http: httpx.AsyncClient, name: str
) -> None:
    app.state.swagger_ui = SWAGGER_UI
    assert (await http.get(f"/docs/{name}")).status_code == 404


@pytest.mark.parametrize("swagger_ui", [None, Path("/nowhere")])
async def test_without_swagger_ui_the_page_lists_the_operations(
    app: FastAPI, http: httpx.AsyncClient, swagger_ui: Path | None
) -> None:
    app.state.swagger_ui = swagger_ui
    page = (await http.get("/docs")).text
    assert "<script" not in page
    assert all(f"GET {path}" in page for path in ("/livez", "/readyz", "/metrics"))
    assert (await http.get("/docs/swagger-ui-bundle.js")).status_code == 404
