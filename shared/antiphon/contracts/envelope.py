"""Events as Kafka records: CloudEvents 1.0, Kafka protocol binding, binary content mode.

Attributes travel as headers `ce_*`, the data as JSON in the value, the partition key as the record's key.
Source: CloudEvents 1.0.2, Kafka protocol binding 1.0.2, distributed tracing extension.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from pydantic import ValidationError

from antiphon.contracts.base import Event, rfc3339
from antiphon.contracts.topics import EVENTS

# No event is larger, as the broker counts it. Entry points cut what they accept to fit (`antiphon.contracts.fitting`), the outbox
# refuses what does not, and brokers are set to take half as much again (`deploy/kafka.py`).
MAX_EVENT_BYTES = 1_000_000
_FRAME_BYTES = 1_000  # what the record format adds: lengths, times, the batch around it


class NotUnderstoodError(Exception):
    """The record is not an event that this version can read. The message says why."""


class Outgoing(NamedTuple):
    """A record ready for the outbox: header values are text, written as UTF-8."""

    topic: str
    key: str
    value: bytes
    headers: dict[str, str]

    @property
    def size(self) -> int:
        """At least as many bytes as the broker counts: a character of key and headers may take four."""
        texts = len(self.key) + sum(len(name) + len(value) for name, value in self.headers.items())
        return len(self.value) + 4 * texts + _FRAME_BYTES


class Envelope(NamedTuple):
    """The CloudEvents attributes of a record that was read."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime | None
    traceparent: str | None


def encode(
    event: Event, *, source: str, time: datetime, traceparent: str | None = None, event_id: UUID | None = None
) -> Outgoing:
    """`event` as a record. `source` is the service's name; without `event_id` a random one is made."""
    key = event.key
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id or uuid4()),
        "ce_source": f"/{source}",
        "ce_type": event.type,
        "ce_subject": event.subject,
        "ce_time": rfc3339(time),
        "ce_partitionkey": key,
        "content-type": "application/json",
    }
    if traceparent:
        headers["ce_traceparent"] = traceparent
    return Outgoing(event.topic, key, event.model_dump_json().encode(), headers)


def decode(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> tuple[Envelope, Event]:
    """The envelope and data of a record. Raises NotUnderstoodError; a missing `ce_id` is never made up."""
    envelope = read_envelope(dict(headers))
    return envelope, read_data(envelope, model_of(envelope), value)


def model_of(envelope: Envelope) -> type[Event]:
    """What the data of a record is. Raises NotUnderstoodError for a type that this version does not know."""
    model = EVENTS.get(envelope.type)
    if model is None:
        raise NotUnderstoodError(f"unknown event type {envelope.type!r}")
    return model


def read_data(envelope: Envelope, model: type[Event], value: bytes | None) -> Event:
    """The data of a record. Raises NotUnderstoodError when it is not a `model`."""
    if value is None:
        raise NotUnderstoodError("the record has no value")
    try:
        # A file with an unknown field has a fault; in an event it is a field of next year.
        return model.model_validate_json(value, extra="ignore")
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or '(whole)'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)[:5]
        )
        raise NotUnderstoodError(f"{envelope.type}: {places}") from error


def read_envelope(headers: Mapping[str, bytes]) -> Envelope:
    """The CloudEvents attributes in Kafka headers. Raises NotUnderstoodError if a required one is missing."""
    try:
        texts = {name: text.decode() for name, text in headers.items() if name.startswith("ce_")}
    except UnicodeDecodeError as error:
        raise NotUnderstoodError("a CloudEvents header is not UTF-8") from error
    for required in ("ce_specversion", "ce_id", "ce_source", "ce_type"):
        if not texts.get(required):
            raise NotUnderstoodError(f"header {required} is missing")
    if texts["ce_specversion"] != "1.0":
        raise NotUnderstoodError(f"CloudEvents specversion {texts['ce_specversion']!r} is not 1.0")
    try:
        time = datetime.fromisoformat(texts["ce_time"]) if texts.get("ce_time") else None
    except ValueError as error:
        raise NotUnderstoodError(f"ce_time {texts['ce_time']!r} is not RFC 3339") from error
    return Envelope(
        texts["ce_id"],
        texts["ce_source"],
        texts["ce_type"],
        texts.get("ce_subject"),
        time,
        texts.get("ce_traceparent"),
    )
