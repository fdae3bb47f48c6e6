"""Exact identifiers of people, normalised so that the same identifier is always the same text. Nothing here raises on what customers write."""

import re

import idna
import phonenumbers

from antiphon.contracts.interactions import Identifier, IdentifierKind

LONGEST = 500  # of an identifier's value, as its contract says
_DID = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]{1,400}")
_HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_LOCAL = re.compile(r"[^\s@<>\x00-\x1f\x7f]{1,200}")
_ACCOUNT = re.compile(r"[0-9A-Z][0-9A-Z-]{1,60}")
# RFC 5321, 4.5.3.1: 64 octets and 255; some write more before the at sign, and none of note after it.
_LONGEST_DOMAIN = 255


def email(text: str) -> Identifier | None:
    """A mailbox address: `A` to `Z` in lower case, the domain in its ASCII form. None when it is not one, or is too long.

    RFC 5321 lets a server distinguish `Jo` from `jo`; no well-known server does. Other letters differ: `straße` and `strasse`
    are two mailboxes, and an answer to one must not reach the other.
    """
    if len(text) > 2 * LONGEST:
        return None
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(domain) > _LONGEST_DOMAIN:
        return None
    try:
        ascii_domain = idna.encode(domain.rstrip(".").lower(), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    value = f"{local.translate(_LOWER)}@{ascii_domain}"
    if not ascii_domain or len(value) > LONGEST:
        return None
    return Identifier(kind=IdentifierKind.EMAIL, value=value)


def phone(text: str, region: str) -> Identifier | None:
    """A phone number in E.164; national numbers are read as of `region` (ISO 3166). None when it cannot exist."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Identifier(kind=IdentifierKind.PHONE, value=value)


def did(text: str) -> Identifier | None:
    """A decentralised identifier as it stands. None when it is not one."""
    value = text.strip()
    return Identifier(kind=IdentifierKind.DID, value=value) if _DID.fullmatch(value) else None


def handle(network: str, text: str) -> Identifier | None:
    """A handle on a network, e.g. `bluesky/jo.example`: lower case, without the leading `@`."""
    value = text.strip().removeprefix("@").lower()
    if not _HANDLE.fullmatch(value) or len(value) > 253:
        return None
    return Identifier(kind=IdentifierKind.HANDLE, value=f"{network}/{value}")


def account(text: str) -> Identifier | None:
    """An account number of the organisation: upper case, white space and points removed."""
    value = re.sub(r"[\s.]+", "", text).upper()
    return Identifier(kind=IdentifierKind.ACCOUNT, value=value) if _ACCOUNT.fullmatch(value) else None


def partner(source: str, text: str) -> Identifier | None:
    """An id that another system knows a person by, e.g. `crm/4711`. None when it is empty or too long.

    No source can name another's: a `/` in its name is written `%2F`.
    """
    return _of_source(source, "", text)


def conversation(source: str, text: str) -> Identifier | None:
    """A conversation at another system, e.g. `chat%/4711`: it stands for the unnamed person who speaks there, and never names a known person."""
    return _of_source(source, "%", text)


def _of_source(source: str, mark: str, text: str) -> Identifier | None:
    value = text.strip()
    named = f"{source.replace('%', '%25').replace('/', '%2F')}{mark}/{value}"
    if not 0 < len(value) <= 300 or len(named) > LONGEST:
        return None
    return Identifier(kind=IdentifierKind.PARTNER, value=named)
