"""Signing in and out at the real provider; what a browser gets, and what it never gets."""

import asyncio
import re

import httpx
import pytest

from deploy.stack import Stack
from tests.support.browser import HEADER, Browser

JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_person_signs_in_and_comes_back_to_where_they_were(browser: Browser) -> None:
    assert (await browser.ask("GET", "/session")).json() == {"signed_in": False}
    page = await browser.sign_in("elena", "/inbox")
    assert str(page.url) == f"{browser.address}/inbox"
    found = (await browser.ask("GET", "/session")).json()
    assert (found["subject"], found["name"], found["roles"]) == ("elena", "Elena Marino", ["agent"])


async def test_no_answer_of_the_desktop_has_a_token(elena: Browser) -> None:
    asked = [
        await elena.ask("GET", "/session"),
        await elena.ask("GET", "/api/routing/offers/me"),
        await elena.ask("GET", "/api/nothing/at/all"),
        await elena.ask("POST", "/session/sign-out"),
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 404, 200]
    ours = [answer for answer in elena.answers if str(answer.url).startswith(elena.address)]
    for answer in ours:
        assert not JWT.search(answer.text + str(answer.headers))
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-Http-antiphon")
            assert "; Path=/; Secure; HttpOnly; SameSite=" in cookie


async def test_a_request_without_our_header_or_without_a_session_is_refused(browser: Browser) -> None:
    assert kind_of(await browser.ask("GET", "/api/routing/offers/me")) == (401, "not-signed-in")
    await browser.sign_in("elena")
    url = f"{browser.address}/api/routing/offers/me"
    async with httpx.AsyncClient() as other:
        alone = await other.get(url, headers=browser.cookie_header(url))
        assert kind_of(alone) == (403, "header-missing")
        both = {**HEADER, **browser.cookie_header(url), "Authorization": "Bearer x"}
        assert kind_of(await other.get(url, headers=both)) == (400, "token-from-a-page")


async def test_no_origin_gets_leave_to_call(elena: Browser) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = await elena.ask("OPTIONS", "/api/routing/offers/me", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_callback_of_another_browser_signs_nobody_in(stack: Stack, browser: Browser) -> None:
    async with Browser(stack.site.pages) as attacker:
        chooser = await attacker.navigate(f"{attacker.address}/session/sign-in")
        answer = await attacker.send("POST", str(chooser.url), data={"person": "adam"})
        answer = await attacker.send("GET", answer.headers["location"])
        back = answer.headers["location"]
    assert back.startswith(f"{browser.address}/session/callback?code=")
    await browser.navigate(f"{browser.address}/session/sign-in")
    assert str((await browser.navigate(back)).url).endswith("/?sign_in=refused")
    assert (await browser.ask("GET", "/session")).json() == {"signed_in": False}


async def test_two_requests_at_once_refresh_the_token_once(stack: Stack, elena: Browser) -> None:
    expire = "update session set token_until = now() returning tokens"
    before = await asyncio.to_thread(stack.postgres.sql, "desktop", expire)
    answers = await asyncio.gather(*(elena.ask("GET", "/api/routing/offers/me") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    # The provider takes a refresh token that is used twice for stolen, and ends the grant: a second refresh would have failed.
    assert await asyncio.to_thread(stack.postgres.sql, "desktop", expire) != before
    assert (await elena.ask("GET", "/api/routing/offers/me")).status_code == 200


@pytest.mark.parametrize("column", ["until", "idle_until"])
async def test_a_session_that_is_over_is_none(stack: Stack, elena: Browser, column: str) -> None:
    end = f"update session set {column} = now() - interval '1 second'"
    await asyncio.to_thread(stack.postgres.sql, "desktop", end)
    assert (await elena.ask("GET", "/session")).json() == {"signed_in": False}
    assert kind_of(await elena.ask("GET", "/api/routing/offers/me")) == (401, "not-signed-in")


async def test_signing_out_ends_the_session_here_and_at_the_provider(elena: Browser) -> None:
    leaving = await elena.ask("POST", "/session/sign-out")
    assert (await elena.ask("GET", "/session")).json() == {"signed_in": False}
    page = await elena.navigate(leaving.json()["to"])
    secret = re.search(r'name="xsrf" value="([^"]+)"', page.text)
    action = re.search(r'action="([^"]+)"', page.text)
    assert secret is not None
    assert action is not None
    home = await elena.navigate(action[1], {"xsrf": secret[1], "logout": "yes"})
    assert str(home.url) == f"{elena.address}/"
    chooser = await elena.navigate(f"{elena.address}/session/sign-in")
    assert "Who are you?" in chooser.text


async def test_the_page_lets_no_other_scripts_in_and_violations_are_counted(browser: Browser) -> None:
    page = await browser.navigate(f"{browser.address}/some/case?of=a-person")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert page.headers["cache-control"] == "no-store"
    report = {"csp-report": {"effective-directive": "script-src-elem", "blocked-uri": "https://x.example/"}}
    async with httpx.AsyncClient(base_url=browser.address) as other:
        assert (await other.post("/session/violations", json=report)).status_code == 204
        assert (await other.post("/session/violations", content=b"x" * 20_000)).status_code == 413
        metrics = (await other.get("/metrics")).text
    assert 'antiphon_page_policy_violations_total{directive="script-src-elem"} 1.0' in metrics
