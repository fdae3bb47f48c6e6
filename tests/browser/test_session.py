"""Signing in and out, in one tab and in many."""

import asyncio
import re

from playwright.async_api import Page, Request, Response, expect

from tests.support.desk import Desk, queue_row

_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.|(access|refresh|id)_token")
_KEPT = """async () => JSON.stringify([
    document.cookie, { ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys(),
])"""
_ASK = """async headers => {
    const answer = await fetch('/api/routing/offers/me', { headers })
    const { type } = await answer.json()
    return [answer.status, answer.headers.get('content-type'), type?.split(':').at(-1)]
}"""
_PROBLEM = "application/problem+json"


async def test_signing_in_gives_the_browser_no_token_to_read_or_keep(desk: Desk) -> None:
    page = await desk.open(None, "/floor")
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it sets an attribute
    await page.get_by_role("button", name="Sign in").click()
    await page.locator("button[name=person][value=sam]").click()
    await expect(page.get_by_role("heading", name="Floor")).to_be_visible()
    assert page.url == f"{desk.address}/floor"
    assert not _TOKEN.search(await page.evaluate(_KEPT))
    ours = [answer for answer in answers if answer.url.startswith(desk.address)]
    for answer in ours:
        assert not _TOKEN.search(str(await answer.headers_array()))
    # Chromium keeps the bodies since the last navigation only.
    (came_back,) = [at for at, answer in enumerate(ours) if "/session/callback" in answer.url]
    bodies = [await answer.text() for answer in ours[came_back + 1 :] if _is_json(answer)]
    assert "Sam Okafor" in "".join(bodies)
    assert not _TOKEN.search("".join(bodies))


async def test_a_request_without_our_header_or_without_a_session_is_a_problem(desk: Desk) -> None:
    page = await desk.open("elena", "/preferences")
    assert await page.evaluate(_ASK, {}) == [403, _PROBLEM, "header-missing"]
    assert (await page.evaluate(_ASK, {"X-Antiphon": "1"}))[0] == 200
    stranger = await desk.open(None, "/")
    assert await stranger.evaluate(_ASK, {"X-Antiphon": "1"}) == [401, _PROBLEM, "not-signed-in"]


async def test_ten_tabs_share_one_stream_and_the_next_tab_takes_it_over(desk: Desk) -> None:
    context = await desk.context("sam")
    streams: dict[Request, Page] = {}

    def begun(request: Request) -> None:
        if "/api/changes" in request.url:
            streams[request] = request.frame.page

    def ended(request: Request) -> None:
        streams.pop(request, None)

    context.on("request", begun)
    context.on("requestfinished", ended)
    context.on("requestfailed", ended)
    tabs = [await context.new_page() for _ in range(10)]
    for tab in tabs:
        await tab.goto("/preferences" if tab in tabs[:7] else "/floor")
    floors = tabs[7:]
    for tab in floors:
        await expect(queue_row(tab, "Roads")).to_contain_text("nobody is there")
    assert set(streams.values()) == {tabs[0]}
    await asyncio.gather(tabs[0].close(), desk.set_queue("roads", "paused"))
    for tab in floors:
        await expect(queue_row(tab, "Roads")).to_contain_text("paused")
    assert len({tab for tab in streams.values() if not tab.is_closed()}) == 1
    await desk.set_queue("roads", "open")
    for tab in floors:
        await expect(queue_row(tab, "Roads")).not_to_contain_text("paused")


async def test_signing_out_in_one_tab_signs_out_all_and_ends_the_stream(desk: Desk) -> None:
    context = await desk.context("farid")
    tabs = [await context.new_page() for _ in range(3)]
    for tab in tabs:
        await tab.goto("/preferences")
        await expect(tab.get_by_role("heading", name="Preferences")).to_be_visible()
    desk.forget("farid")
    await tabs[1].get_by_role("button", name="Farid Haddad").click()
    await tabs[1].get_by_role("menuitem", name="Sign out").click()
    for tab in (tabs[0], tabs[2]):
        await expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
        assert await tab.evaluate(_ASK, {"X-Antiphon": "1"}) == [401, _PROBLEM, "not-signed-in"]


def _is_json(answer: Response) -> bool:
    return "application/json" in answer.headers.get("content-type", "")
