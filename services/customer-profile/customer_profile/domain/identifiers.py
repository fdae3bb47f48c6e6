"""Identifiers as people write them, in the spelling that the database keeps."""

from collections.abc import Callable, Mapping
from functools import partial

from antiphon import identifiers
from antiphon.contracts.interactions import Identifier, IdentifierKind

LONGEST = 500  # of an Identifier's value


def normalised(kind: str, value: str, region: str) -> Identifier | None:
    """The identifier in its one spelling, None when there can be none of that kind and value.

    `region` is the country of phone numbers in national form.
    """
    readers: Mapping[str, Callable[[str], Identifier | None]] = {
        IdentifierKind.EMAIL: identifiers.email,
        IdentifierKind.PHONE: partial(identifiers.phone, region=region),
        IdentifierKind.ACCOUNT: identifiers.account,
        IdentifierKind.DID: identifiers.did,
    }
    if kind in readers:
        return readers[kind](value)
    # The network or system that is named in the value has its own rules.
    if kind in {IdentifierKind.HANDLE, IdentifierKind.PARTNER} and 0 < len(value) <= LONGEST:
        return Identifier(kind=kind, value=value)
    return None
