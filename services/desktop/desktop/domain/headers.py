"""Cookies, the headers that are passed on, and the headers of the page. Pure."""

import re
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Final, Literal

# `__Host-Http-`: only an answer of this host over TLS (or of localhost) sets it, and no script does.
# Source: draft-ietf-httpbis-rfc6265bis-22, section 4.1.3.
SESSION_COOKIE: Final = "__Host-Http-antiphon"
SIGN_IN_COOKIE: Final = "__Host-Http-antiphon-sign-in"
# No form sends a header of its own, and a script of another origin needs a preflight, which nobody answers.
OUR_HEADER: Final = "x-antiphon"

# RFC 9110, section 7.6.1, and what only concerns this hop.
_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_OURS = frozenset({"authorization", "cookie", "host", "origin", "referer", "traceparent", OUR_HEADER})
_NEVER_BACK = frozenset({"date", "set-cookie", "www-authenticate", "server", "x-trace-id"})
Headers = Iterable[tuple[str, str]]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self' blob: about:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; report-uri /session/violations"
)


def page_headers(nonce: str) -> dict[str, str]:
    """The headers of the page, whose styles have the nonce."""
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def cookies_of(header: str | None) -> dict[str, str]:
    """The cookies of a request's header; none of one that is malformed."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header or "").items()}
    except ValueError:
        return {}


def set_cookie(
    name: str, value: str, *, same_site: Literal["Strict", "Lax"], max_age: int | None = None
) -> str:
    """The header that sets a cookie for this host; without `max_age` until the browser ends, with 0 it deletes it."""
    lasting = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{lasting}"


def passed_on(headers: Headers, token: str, traceparent: str | None) -> list[tuple[str, str]]:
    """The headers with which a service gets a request: the client's, without its credentials and those of the hop, with the token."""
    kept = _without(headers, _OURS)
    traced = [("traceparent", traceparent)] if traceparent else []
    return [*kept, ("authorization", f"Bearer {token}"), *traced]


def handed_back(headers: Headers) -> list[tuple[str, str]]:
    """The headers of a service's answer that its client gets."""
    return [
        (name, value)
        for name, value in _without(headers, _NEVER_BACK)
        if not name.startswith("access-control-")
    ]


def _without(headers: Headers, names: frozenset[str]) -> list[tuple[str, str]]:
    listed = [(name.lower(), value) for name, value in headers]
    # `Connection` names further headers of this hop.
    named = {
        word.strip().lower() for name, value in listed if name == "connection" for word in value.split(",")
    }
    return [(name, value) for name, value in listed if name not in _HOP | names | named]


_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,2000}")


def local_path(to: str | None) -> str:
    """Where a person goes after the sign-in: the path on this host that they came from; `/` for everything else."""
    return to if to is not None and _LOCAL.fullmatch(to) else "/"
