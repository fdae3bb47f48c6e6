"""The merged stream of a browser: it resumes exactly when a service or the desktop was away, and ends with its session."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple

import httpx

from antiphon.access.roles import Role
from deploy.stack import Stack
from tests.support.browser import Browser

WITHIN_S = 60


class Seen(NamedTuple):
    kind: str
    id: str
    data: dict[str, object]


async def events(browser: Browser, after: str | None = None) -> AsyncGenerator[Seen]:
    async with browser.stream("/api/changes", after) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                if "event" in fields:
                    yield Seen(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}


async def upto(stream: AsyncIterator[Seen], is_last: Callable[[list[Seen]], bool]) -> list[Seen]:
    seen: list[Seen] = []
    async with asyncio.timeout(WITHIN_S):
        while not is_last(seen):
            seen.append(await anext(stream))
    return seen


def kinds(seen: list[Seen]) -> set[str]:
    return {one.kind for one in seen}


def presences(seen: list[Seen]) -> list[object]:
    return [one.data["presence"] for one in seen if one.kind == "routing.presence"]


async def set_presence(stack: Stack, presence: str) -> None:
    headers = {"Authorization": f"Bearer {stack.token(Role.AGENT, 'Elena', 'elena')}"}
    async with httpx.AsyncClient(base_url=stack.url("routing"), headers=headers) as http:
        (await http.put("/agents/me/presence", json={"presence": presence})).raise_for_status()


async def test_a_restart_of_the_desktop_loses_no_change_and_repeats_none(
    stack: Stack, elena: Browser
) -> None:
    async with aclosing(events(elena)) as stream:
        await upto(stream, lambda seen: {"routing.begin", "case-mgmt.begin"} <= kinds(seen))
        await set_presence(stack, "available")
        before = await upto(stream, lambda seen: "available" in presences(seen))
    await asyncio.to_thread(stack.stop_service, "desktop")
    await set_presence(stack, "offline")
    await set_presence(stack, "available")
    await asyncio.to_thread(stack.start_service, "desktop")
    async with aclosing(events(elena, before[-1].id)) as stream:
        await set_presence(stack, "offline")
        after = await upto(stream, lambda seen: len(presences(seen)) == 3)
    assert presences(after) == ["offline", "available", "offline"]
    assert {"routing.begin", "case-mgmt.begin"} >= kinds(after) - {"routing.presence", "routing.availability"}


async def test_a_service_that_was_away_is_taken_up_again_where_it_was(stack: Stack, elena: Browser) -> None:
    async with aclosing(events(elena)) as stream:
        await upto(stream, lambda seen: {"routing.begin", "case-mgmt.begin"} <= kinds(seen))
        await asyncio.to_thread(stack.kill, "routing")
        await upto(stream, lambda seen: "routing.lost" in kinds(seen))
        refused = await elena.ask("GET", "/api/routing/offers/me")
        assert (refused.status_code, refused.json()["title"]) == (503, "Not available")
        missed = (
            "insert into change_log (kind, subject, audience, data) "
            """values ('presence', 'elena', '{"agent:elena"}', '{"presence": "missed"}')"""
        )
        await asyncio.to_thread(stack.postgres.sql, "routing", missed)
        await asyncio.to_thread(stack.start_service, "routing")
        seen = await upto(stream, lambda seen: "missed" in presences(seen))
    found = [one.kind for one in seen if one.kind.startswith("routing.")]
    assert found == ["routing.begin", "routing.presence"]


async def test_a_service_whose_place_is_unknown_asks_to_read_again(elena: Browser) -> None:
    async with aclosing(events(elena)) as stream:
        seen = await upto(stream, lambda seen: {"routing.begin", "case-mgmt.begin"} <= kinds(seen))
    routing_only = next(part for part in seen[-1].id.split(";") if part.startswith("routing="))
    async with aclosing(events(elena, routing_only)) as stream:
        assert await upto(stream, lambda seen: {"routing.begin", "case-mgmt.reset"} <= kinds(seen))


async def test_signing_out_in_another_tab_ends_the_stream(elena: Browser) -> None:
    async with aclosing(events(elena)) as stream:
        await upto(stream, lambda seen: "routing.begin" in kinds(seen))
        assert (await elena.ask("POST", "/session/sign-out")).status_code == 200
        seen = await upto(stream, lambda seen: "session.ended" in kinds(seen))
        assert seen[-1].kind == "session.ended"
        assert [one async for one in stream] == []


async def test_a_stream_ends_when_its_session_does(stack: Stack, elena: Browser) -> None:
    async with aclosing(events(elena)) as stream, Browser(elena.address) as other:
        await upto(stream, lambda seen: "routing.begin" in kinds(seen))
        await other.sign_in("sam")
        end = "update session set until = now() + interval '1 second' where subject = 'elena'"
        await asyncio.to_thread(stack.postgres.sql, "desktop", end)
        async with aclosing(events(other)) as another:  # so the desktop looks at its sessions
            await upto(another, lambda seen: "routing.begin" in kinds(seen))
            assert await upto(stream, lambda seen: "session.ended" in kinds(seen))


async def test_a_stream_of_one_service_ends_with_the_session_too(elena: Browser) -> None:
    async with elena.stream("/api/routing/changes") as answer:
        lines = answer.aiter_lines()
        async with asyncio.timeout(WITHIN_S):
            assert await anext(lines) == "event: begin"
            await elena.ask("POST", "/session/sign-out")
            assert not [line async for line in lines if line.startswith("event:")]
