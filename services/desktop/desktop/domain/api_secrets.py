"""The secrets of API keys: `antiphon_`, 43 characters for 256 random bits, and 6 with their checksum. Pure.

The prefix and the checksum let a scanner find a secret in code or logs, and be sure of it. Only the digest is kept: a secret
that nobody can guess needs no slow hash.
"""

import hashlib
import string
import zlib

PREFIX = "antiphon_"
RANDOM_BYTES = 32
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY, _CHECKSUM = 43, 6


def secret_of(random: bytes) -> str:
    """The secret that RANDOM_BYTES random bytes make."""
    body = _in_digits(int.from_bytes(random), _BODY)
    return PREFIX + body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Whether a text can be a secret: its prefix, length and checksum are right."""
    body = secret.removeprefix(PREFIX)[:_BODY]
    return secret == PREFIX + body + _checksum(body) and len(body) == _BODY


def digest_of(secret: str) -> bytes:
    """What is kept of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    return _in_digits(zlib.crc32(body.encode()), _CHECKSUM)


def _in_digits(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
