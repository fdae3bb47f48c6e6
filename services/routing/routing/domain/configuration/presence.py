"""The presences that routing adds, and what can be wrong with those of the organisation."""

from collections.abc import Iterable, Sequence

from antiphon.contracts.agents import Presence
from antiphon.organisation.document import Document, Fault
from antiphon.organisation.presence import ALWAYS, PresenceKind


def complete(listed: Sequence[PresenceKind]) -> dict[str, PresenceKind]:
    """Returns presences by id: those listed and those of `ALWAYS`. No agent may choose `not-responding`."""
    by_id = {kind.id: kind for kind in listed}
    always = {key: PresenceKind(id=key, name=name) for key, name in ALWAYS.items()}
    by_id |= {key: by_id.get(key, kind) for key, kind in always.items()}
    not_responding = by_id[Presence.NOT_RESPONDING]
    return by_id | {not_responding.id: not_responding.model_copy(update={"settable": False})}


def faults(document: Document, presences: Sequence[PresenceKind]) -> Iterable[Fault]:
    """Yields duplicate ids, presences that can't be routable, and a missing routable or settable one."""
    seen: set[str] = set()
    for place, kind in enumerate(presences):
        if kind.id in seen:
            yield document.fault(("presences", place, "id"), f"a second presence {kind.id!r}")
        seen.add(kind.id)
        if kind.routable and kind.id in ALWAYS:
            yield document.fault(
                ("presences", place, "routable"),
                f"must be false: agents who are {kind.id} are never offered work",
            )
    if not any(kind.routable for kind in presences):
        yield document.fault(
            ("presences",), "one presence must be routable, or no agent is ever offered work"
        )
    if not any(kind.settable for kind in presences if kind.routable and kind.id not in ALWAYS):
        yield document.fault(
            ("presences",), "one routable presence must be settable, so that agents can choose it"
        )
