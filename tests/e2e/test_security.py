"""Access only with a token and a role, no script from customers, no faulty rules that become active, live changes that resume."""

from collections.abc import AsyncGenerator
from uuid import uuid4

import httpx
import pytest
import yaml

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from tests.fuzz import tokens
from tests.support.people import People
from tests.support.roles import ROLES
from tests.support.waiting import until


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_lets_in_the_roles_of_the_table_and_no_other(people: People, service: str) -> None:
    row = await tokens.by_role(people.stack, people.http, service)
    assert row.count > len(ROLES[service])
    assert row.findings == []


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_refuses_forged_tokens(people: People, service: str) -> None:
    row = await tokens.refused(people.stack, people.http, service)
    assert row.count > len(ROLES[service])
    assert row.findings == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_missing_role_is_refused_before_the_body_is_read(people: People, service: str) -> None:
    row = await tokens.bodies(people.stack, people.http, service)
    assert row.count >= len(ROLES[service])
    assert row.findings == []


async def test_a_refusal_states_its_reason(people: People) -> None:
    refused = await people.ask(Role.INTEGRATION, "web-form", "GET", "case-mgmt", "/cases")
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("application/problem+json")
    unknown = await people.ask(Role.AGENT, "nobody", "GET", "routing", "/offers/me")
    assert unknown.status_code == 403
    assert "nobody" in unknown.json()["detail"]


async def test_html_of_customers_has_no_script(people: People) -> None:
    sender = f"html-{uuid4().hex[:8]}@mail.example"
    mail = (
        f"From: {sender}\r\nTo: council@banksia.example\r\nSubject: look\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n"
        '<p onclick="evil()">Hello<script>evil()</script><img src=x onerror=evil()>'
        '<a href="javascript:evil()">x</a><iframe src="http://evil.example"></iframe></p>\r\n'
    )
    people.raw_mail(sender, "council@banksia.example", mail.encode())
    (interaction,) = await people.timeline(f"email:{sender}")
    html = (await people.case(interaction["case_id"]))["interactions"][0]["interaction"]["content"]["html"]
    assert "Hello" in html
    for word in ("script", "onclick", "onerror", "javascript:", "iframe", "evil()"):
        assert word not in html


@pytest.mark.parametrize(
    ("when", "detail"),
    [
        ('interaction.tonne == "negative"', "undeclared reference"),
        ('case.interactions > "three"', "no matching overload"),
        ("[1,2,3].all(a,[1,2,3].all(b,[1,2,3].all(c,[1,2,3].all(d,true))))", "loops"),
        ("case.interactions", "true or false"),
    ],
)
async def test_faulty_rules_are_refused_with_line_and_column_and_the_active_ones_stay(
    people: People, when: str, detail: str
) -> None:
    before = await people.ask(Role.OPERATIONS, "ops", "GET", "routing", "/configuration")
    source = before.json()["source"]
    document = yaml.safe_load(source)
    line = next(
        n for n, text in enumerate(source.splitlines(), 1) if text.strip().startswith("when: case.dep")
    )
    good = next(rule["when"] for rule in document["rules"] if rule["when"].startswith("case.dep"))
    token = people.stack.token(Role.OPERATIONS, "ops")
    answer = await people.http.put(
        f"{people.stack.url('routing')}/configuration",
        content=source.replace(f"when: {good}", f"when: '{when}'", 1),
        headers={"Authorization": f"Bearer {token}", "If-Match": before.headers["ETag"]},
    )
    assert answer.status_code == 422, answer.text
    fault = answer.json()["errors"][0]
    assert detail in fault["detail"]
    assert fault["line"] == line
    assert fault["column"] > 1
    after = await people.ask(Role.OPERATIONS, "ops", "GET", "routing", "/configuration")
    assert after.json()["configuration_version"] == before.json()["configuration_version"]


async def test_live_changes_resume_after_the_last_event_id(people: People) -> None:
    token = people.stack.token(Role.SUPERVISOR, "looker")
    url = f"{people.stack.url('case-mgmt')}/changes"
    headers = {"Authorization": f"Bearer {token}"}
    async with people.http.stream("GET", url, headers=headers) as stream:
        begin = await anext(_events(stream))
    assert begin["event"] == "begin"
    sender = f"live-{uuid4().hex[:8]}@mail.example"
    people.mail(sender, "Hello there")
    (interaction,) = await people.timeline(f"email:{sender}")

    async def resumed() -> bool:
        async with people.http.stream("GET", url, headers=headers | {"Last-Event-ID": begin["id"]}) as stream:
            async for event in _events(stream):
                if interaction["case_id"] in event.get("data", ""):
                    return True
        return False

    assert await until(resumed, what="the missed change")


async def _events(stream: httpx.Response) -> AsyncGenerator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in stream.aiter_lines():
        if not line and event:
            yield event
            event = {}
        elif ": " in line:
            name, _, value = line.partition(": ")
            event[name] = value
