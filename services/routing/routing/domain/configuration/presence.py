"""Presences: the states that an agent can be in, and which of them are routable."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from antiphon.contracts.agents import Presence
from antiphon.organisation.document import Document, Fault, Section

# Routing sets these itself, so every configuration has them, and they are never routable.
ALWAYS = {Presence.NOT_RESPONDING.value: "Not responding", Presence.OFFLINE.value: "Offline"}


class PresenceKind(Section):
    """A presence. `routable`: agents may be offered work. `settable`: agents may choose it themselves."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    name: str
    routable: bool = False
    settable: bool = True


USUAL = [
    PresenceKind(id=Presence.AVAILABLE, name="Available", routable=True),
    PresenceKind(id=Presence.BUSY, name="Busy"),
    PresenceKind(id=Presence.AWAY, name="Away"),
]


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
