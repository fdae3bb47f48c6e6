"""One stream of the streams of several services: its events and the ids by which it resumes. Pure.

An id has the places of all sources, `routing=7421-118;case-mgmt=81245-7310`, so each source resumes by itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_PLACE = re.compile(r"([a-z-]+)=(\d{1,20}-\d{1,20})")


class Event(NamedTuple):
    """A server-sent event: `id` is empty for one that has none."""

    kind: str
    id: str
    data: str


class EventReader:
    """Reads the events of a stream as its bytes come. Source: WHATWG HTML, section 9.2.6; lines end with LF, as ours do."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, more: bytes) -> Iterator[Event]:
        """The events that are complete with these bytes. Comments are skipped."""
        *whole, self._rest = (self._rest + more).split(b"\n\n")
        for block in whole:
            fields: dict[str, list[str]] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            if "event" in fields:
                id_ = fields.get("id", [""])[-1]
                yield Event(fields["event"][-1], id_, "\n".join(fields.get("data", [])))


def places_in(merged_id: str | None) -> dict[str, str]:
    """The places in a merged id by source; what is malformed is left out, so that its source begins anew."""
    parts = (_PLACE.fullmatch(part) for part in (merged_id or "").split(";"))
    return {part[1]: part[2] for part in parts if part is not None}


def merged_id(places: Mapping[str, str]) -> str:
    """The id that has these places."""
    return ";".join(f"{source}={place}" for source, place in places.items())


def written(source: str, event: Event, places: Mapping[str, str]) -> bytes:
    """An event of the merged stream."""
    id_ = f"id: {merged_id(places)}\n" if places else ""
    data = "".join(f"data: {line}\n" for line in event.data.split("\n"))
    return f"event: {source}.{event.kind}\n{id_}{data}\n".encode()
