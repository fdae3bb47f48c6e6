"""What can be wrong with addresses and accounts: no address, unknown departments, and one that is there twice."""

import re
from collections.abc import Iterable, Mapping

from antiphon import identifiers
from antiphon.organisation.channels import Channels
from antiphon.organisation.document import Document, Fault
from routing.domain.configuration.section import unknown

# A dot-atom (RFC 5322, 3.2.3) without the plus that begins a case token: it stands in a header without quotes.
_ATOM = r"[A-Za-z0-9!#$%&'*/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")


def faults(
    document: Document, channels: Channels, departments: Mapping[str, object], domain: str
) -> Iterable[Fault]:
    """Yields texts that are no address or host name, unknown departments, second mail addresses, and second accounts of a network."""
    if domain != domain.strip() or identifiers.email(f"info@{domain}") is None:
        yield document.fault(("organisation", "domain"), "must be a host name, such as banksia.example")
    addresses: set[str] = set()
    for place, account in enumerate(channels.email):
        path = ("channels", "email", place)
        yield from unknown(document, (*path, "department"), "department", account.department, departments)
        address = _folded(account.address)
        if address is None:
            message = "must be a mail address: ASCII before the at sign, and a host name after it"
            yield document.fault((*path, "address"), message)
            continue
        if address in addresses:
            yield document.fault((*path, "address"), f"a second account {account.address!r}")
        addresses.add(address)
    handles: set[tuple[str, str]] = set()
    for place, account in enumerate(channels.social):
        handle = account.network, account.handle.casefold()
        if handle in handles:
            path = ("channels", "social", place, "handle")
            yield document.fault(path, f"a second account {account.handle!r} of {account.network}")
        handles.add(handle)


def _folded(address: str) -> str | None:
    identifier = identifiers.email(address)
    if identifier is None or not _LOCAL.fullmatch(address.rpartition("@")[0]):
        return None
    return identifier.value
