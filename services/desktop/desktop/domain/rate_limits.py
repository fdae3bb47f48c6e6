"""How many requests a caller may send: counts in windows of time, and the headers that say what is left. Pure.

A window begins with the first request of a caller and ends after its length. The counts are lost with the process, and each
process has its own: a caller gets more then, never less. Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
"""

import ipaddress
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """At most `requests` in `window_s` seconds. `name` is the policy's name in the headers."""

    name: str
    requests: int
    window_s: int

    def policy(self) -> str:
        """The value of `RateLimit-Policy`."""
        return f'"{self.name}";q={self.requests};w={self.window_s}'


@dataclass(frozen=True)
class Allowance:
    """What a caller may still do after a request: `remaining` more in the next `reset_s` seconds."""

    quota: Quota
    is_allowed: bool
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """The headers that say so; with `Retry-After` when nothing is allowed."""
        limit = f'"{self.quota.name}";r={self.remaining};t={self.reset_s}'
        found = {"RateLimit-Policy": self.quota.policy(), "RateLimit": limit}
        return found if self.is_allowed else {**found, "Retry-After": str(self.reset_s)}


class Counts:
    """The requests of each caller in their window. `now` is in seconds of any clock that only goes forward."""

    def __init__(self, quota: Quota, *, forget_from: int = 10_000) -> None:
        self._quota = quota
        self._windows: dict[str, tuple[float, int]] = {}
        self._forget_from = forget_from

    def take(self, caller: str, now: float) -> Allowance:
        """Counts a request. One over the quota is not allowed, and does not prolong the window."""
        until, count = self._window(caller, now)
        if count < self._quota.requests:
            self._windows[caller] = until, count + 1
            self._forget(now)
            return self._allowance(until, count + 1, now, is_allowed=True)
        return self._allowance(until, count, now, is_allowed=False)

    def look(self, caller: str, now: float) -> Allowance:
        """Whether a request would be allowed, uncounted."""
        until, count = self._window(caller, now)
        return self._allowance(until, count, now, is_allowed=count < self._quota.requests)

    def __len__(self) -> int:
        """How many callers are remembered."""
        return len(self._windows)

    def _window(self, caller: str, now: float) -> tuple[float, int]:
        until, count = self._windows.get(caller, (now, 0))
        return (until, count) if now < until else (now + self._quota.window_s, 0)

    def _allowance(self, until: float, count: int, now: float, *, is_allowed: bool) -> Allowance:
        return Allowance(
            self._quota, is_allowed, self._quota.requests - count, max(1, math.ceil(until - now))
        )

    def _forget(self, now: float) -> None:
        """Forgets windows that have ended, each time that the number of callers has doubled."""
        if len(self._windows) > self._forget_from:
            self._windows = {caller: window for caller, window in self._windows.items() if now < window[0]}
            self._forget_from = max(self._forget_from, 2 * len(self._windows))


def network_of(address: str) -> str:
    """Whose failures are counted together: an IPv4 address, or the /64 of an IPv6 address, which one client has whole."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip.ipv4_mapped if ip.version == 6 else ip)
