"""What can be wrong with addresses and accounts: unknown departments, and one that is there twice."""

from collections.abc import Iterable, Mapping

from antiphon.organisation.channels import Channels
from antiphon.organisation.document import Document, Fault
from routing.domain.configuration.section import unknown


def faults(document: Document, channels: Channels, departments: Mapping[str, object]) -> Iterable[Fault]:
    """Yields unknown departments, second mail addresses, and second accounts of a network."""
    addresses: set[str] = set()
    for place, account in enumerate(channels.email):
        path = ("channels", "email", place)
        yield from unknown(document, (*path, "department"), "department", account.department, departments)
        if account.address.casefold() in addresses:
            yield document.fault((*path, "address"), f"a second account {account.address!r}")
        addresses.add(account.address.casefold())
    handles: set[tuple[str, str]] = set()
    for place, account in enumerate(channels.social):
        handle = account.network, account.handle.casefold()
        if handle in handles:
            path = ("channels", "social", place, "handle")
            yield document.fault(path, f"a second account {account.handle!r} of {account.network}")
        handles.add(handle)
