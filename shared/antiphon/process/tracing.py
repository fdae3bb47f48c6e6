"""W3C trace context: an entry point makes it, events carry it, and the logs show it.

Source: W3C Trace Context, header `traceparent`, version 00.
"""

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


def new() -> str:
    """A `traceparent` that begins a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child(parent: str | None) -> str:
    """A `traceparent` in the trace of `parent`, or of a new trace when that is missing or malformed."""
    match = _FORM.fullmatch(parent or "")
    if match is None or set(match[1]) == {"0"} or set(match[2]) == {"0"}:
        return new()
    return f"00-{match[1]}-{secrets.token_hex(8)}-{match[3]}"


def trace_id(traceparent: str | None) -> str | None:
    """The trace id in a `traceparent`, for logs."""
    match = _FORM.fullmatch(traceparent or "")
    return match[1] if match else None


def current() -> str | None:
    """The `traceparent` of what is being handled here, if any."""
    return _CURRENT.get()


def enter(traceparent: str | None) -> None:
    """Makes `traceparent` the current one for this task."""
    _CURRENT.set(traceparent)
