"""What is passed on to a service, what comes back, and where a sign-in may lead."""

import pytest

from desktop.domain.headers import (
    SESSION_COOKIE,
    cookies_of,
    handed_back,
    local_path,
    page_headers,
    passed_on,
    set_cookie,
)


def test_a_service_gets_the_request_with_the_token_and_without_the_cookie() -> None:
    asked = [
        ("Host", "localhost:8100"), ("Cookie", f"{SESSION_COOKIE}=x"), ("X-Antiphon", "1"), ("Origin", "http://localhost:8100"),
        ("If-Match", '"7"'), ("Idempotency-Key", "k"), ("Last-Event-ID", "7-1"), ("traceparent", "theirs"),
    ]  # fmt: skip
    assert passed_on(asked, "t", "ours") == [
        ("if-match", '"7"'), ("idempotency-key", "k"), ("last-event-id", "7-1"), ("authorization", "Bearer t"),
        ("traceparent", "ours"),
    ]  # fmt: skip


def test_headers_of_the_hop_end_there_also_those_that_connection_names() -> None:
    asked = [
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Accept", "*/*"),
    ]
    assert passed_on(asked, "t", None) == [("accept", "*/*"), ("authorization", "Bearer t")]
    assert handed_back(asked) == [("accept", "*/*")]


def test_an_answer_keeps_what_the_page_needs_and_sets_nothing_for_our_origin() -> None:
    answer = [
        ("ETag", '"8"'), ("Idempotency-Replayed", "true"), ("Set-Cookie", "a=b"), ("Access-Control-Allow-Origin", "*"),
        ("WWW-Authenticate", "Bearer"), ("Content-Disposition", "attachment"),
    ]  # fmt: skip
    assert [name for name, _ in handed_back(answer)] == [
        "etag",
        "idempotency-replayed",
        "content-disposition",
    ]


@pytest.mark.parametrize("to", ["/", "/inbox", "/cases/C-1042?tab=people#note", "/ä"])
def test_a_sign_in_leads_back_to_a_path_of_ours(to: str) -> None:
    assert local_path(to) == to


@pytest.mark.parametrize(
    "to",
    [None, "", "inbox", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: b",
     "/" + "a" * 3000, "/\t/evil.example"],
)  # fmt: skip
def test_a_sign_in_never_leads_elsewhere(to: str | None) -> None:
    assert local_path(to) == "/"


def test_a_cookie_is_of_this_host_and_no_script_reads_it() -> None:
    assert set_cookie(SESSION_COOKIE, "x", same_site="Strict") == (
        "__Host-Http-antiphon=x; Path=/; Secure; HttpOnly; SameSite=Strict"
    )
    assert set_cookie("a", "", same_site="Lax", max_age=0).endswith("; SameSite=Lax; Max-Age=0")


def test_cookies_are_read_by_name_and_none_of_a_malformed_header() -> None:
    assert cookies_of(f"a=1; {SESSION_COOKIE}=x-_y") == {"a": "1", SESSION_COOKIE: "x-_y"}
    assert cookies_of(None) == {}


def test_each_page_has_a_nonce_of_its_own() -> None:
    policy = page_headers("n1")["Content-Security-Policy"]
    assert "style-src 'self' 'nonce-n1';" in policy
    assert "unsafe" not in policy
