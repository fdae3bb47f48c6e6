"""Case tokens: `c-1042-<mac>`, part of the address to which a customer answers. Nobody can guess one.

The MAC is HMAC-SHA256 cut to 96 bits. It is written in hexadecimal, because mail servers may change the case of letters.
Source: RFC 2104; NIST SP 800-107 on truncation.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

_FORM = re.compile(r"c-([1-9][0-9]{0,17})-([0-9a-f]{24})")


def make(number: int, secret: str) -> str:
    """The token of case `number`."""
    return f"c-{number}-{_mac(number, secret)}"


def read(token: str | None, secrets: Sequence[str]) -> int | None:
    """The number of the case for which a token was made with one of `secrets`; None for any other text."""
    match = _FORM.fullmatch((token or "").strip().lower())
    if match is None:
        return None
    number = int(match[1])
    genuine = [hmac.compare_digest(match[2], _mac(number, secret)) for secret in secrets]
    return number if any(genuine) else None


def _mac(number: int, secret: str) -> str:
    return hmac.new(secret.encode(), f"case:{number}".encode(), hashlib.sha256).hexdigest()[:24]
