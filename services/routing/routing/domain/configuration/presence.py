"""Presences: how an agent can stand, and which of them means that work may be offered."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from antiphon.contracts.agents import Presence
from antiphon.organisation.document import Document, Fault, Section

# The system sets these itself, so they are there whatever the organisation lists, and never let work be offered.
ALWAYS = {Presence.NOT_RESPONDING.value: "Not responding", Presence.OFFLINE.value: "Offline"}


class PresenceKind(Section):
    """One way to stand. `routable`: work may be offered. `settable`: agents may choose it themselves."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    name: str
    routable: bool = False
    settable: bool = True


USUAL = [
    PresenceKind(id=Presence.AVAILABLE, name="Available", routable=True),
    PresenceKind(id=Presence.BUSY, name="Busy"),
    PresenceKind(id=Presence.AWAY, name="Away"),
]


def complete(given: Sequence[PresenceKind]) -> dict[str, PresenceKind]:
    """Presences by id: those given, and those that are always there. Nobody chooses not to respond."""
    listed = {kind.id: kind for kind in given}
    always = {key: PresenceKind(id=key, name=name) for key, name in ALWAYS.items()}
    found = listed | {key: listed.get(key, kind) for key, kind in always.items()}
    silent = found[Presence.NOT_RESPONDING]
    return found | {silent.id: silent.model_copy(update={"settable": False})}


def faults(document: Document, presences: Sequence[PresenceKind]) -> Iterable[Fault]:
    """Second presences of an id, a routable one that can't be, and none in which work may be offered."""
    seen: set[str] = set()
    for place, kind in enumerate(presences):
        if kind.id in seen:
            yield document.fault(("presences", place, "id"), f"a second presence {kind.id!r}")
        seen.add(kind.id)
        if kind.routable and kind.id in ALWAYS:
            yield document.fault(("presences", place, "routable"), f"work is never offered to the {kind.id}")
    if not any(kind.routable for kind in presences):
        yield document.fault(("presences",), "one must be routable, or work is never offered to anybody")
    if not any(kind.settable for kind in presences if kind.routable and kind.id not in ALWAYS):
        yield document.fault(("presences",), "agents must be able to choose a routable one")
