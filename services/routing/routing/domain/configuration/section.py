"""What can be wrong in any section: a name that nothing has."""

from collections.abc import Iterable, Mapping

from antiphon.organisation.document import Document, Fault, Place, did_you_mean


def unknown(
    document: Document, path: Place, kind: str, name: str | None, known: Mapping[str, object]
) -> Iterable[Fault]:
    """Yields a fault when a name is not among the known ones; None is no name."""
    if name is not None and name not in known:
        yield document.fault(path, f"unknown {kind} {name!r}{did_you_mean(name, known)}")
