"""Hostile records by topic, each made from a good event."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

from antiphon.contracts.topics import TOPICS
from deploy.site import PROJECT

EXAMPLES = PROJECT / "shared" / "antiphon" / "contracts" / "examples"
Json = dict[str, Any]
Headers = list[tuple[str, bytes]]


class Sent(NamedTuple):
    """A record to send."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class Case(NamedTuple):
    """A hostile record. `dead` says whether it must become a dead letter; None: it may."""

    name: str
    record: Sent
    dead: bool | None


class Target(NamedTuple):
    """A topic, its example event, and the query that shows the effect of a good event in a reader.

    `calm` replaces a field so that the event causes no further events about an unknown case. `case_id` is an existing case, for
    events that need one.
    """

    topic: str
    example: str
    text: tuple[str, ...]
    reader: str
    effect: str
    ident: tuple[str, ...]
    calm: tuple[tuple[str, ...], object] | None = None
    case_id: str | None = None


TARGETS = (
    Target(
        "interactions", "interaction.received.v1", ("interaction", "content", "text"), "customer-profile",
        "select 1 from interaction where interaction_id = $1", ("interaction", "interaction_id"),
    ),
    Target(
        "identified-interactions", "identified-interaction.received.v1", ("interaction", "content", "text"), "case-mgmt",
        "select 1 from case_interaction where interaction_id = $1", ("interaction", "interaction_id"),
    ),
    Target(
        "cases", "case.opened.v1", ("interaction", "text"), "routing",
        "select 1 from case_record where case_id = $1 and revision > 0", ("case", "case_id"), (("case", "awaiting_answer_since"), None),
    ),
    Target(
        "replies", "reply.requested.v1", ("text",), "ingest-email",
        "select 1 where $1::uuid is not null", ("reply_id",), (("channel",), "pigeon"),
    ),
    Target(
        "work", "work.queued.v1", ("work", "queue"), "case-mgmt",
        "select 1 from case_file where case_id = $1", ("work", "case_id"),
    ),
)  # fmt: skip


def good(target: Target, *, calm: bool = True) -> tuple[Json, Sent]:
    """A good event with new ids, as data and as a record."""
    text = (EXAMPLES / f"{target.example}.json").read_text()
    if target.case_id:
        text = text.replace(_at(json.loads(text)["data"], target.ident), target.case_id)
    # Each id of the example becomes a new one; equal ids stay equal.
    for old in sorted(set(_uuids(json.loads(text))) - {target.case_id}):
        text = text.replace(old, str(uuid4()))
    text = text.replace("jo@mail.example", f"{uuid4().hex[:12]}@mail.example")
    made = json.loads(text.replace("C-1001", f"C-{uuid4().int % 10**12}"))
    data = _set(made["data"], *target.calm) if target.calm and calm else made["data"]
    return data, _record(made, data)


def follower(target: Target) -> tuple[str, Sent]:
    """A good event to send after hostile ones, with the id for the query of its effect."""
    data, record = good(target)
    return _at(data, target.ident), record


def _record(made: Json, data: Json) -> Sent:
    headers = [(name, value.encode()) for name, value in made["headers"].items()]
    return Sent(made["key"].encode(), json.dumps(data).encode(), headers)


def _at(data: Json, path: Sequence[str]) -> str:
    value: Any = data
    for name in path:
        value = value[name]
    return str(value)


def _uuids(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _uuids(part)
    elif isinstance(value, list):
        for part in value:
            yield from _uuids(part)
    elif isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
        yield value


def cases(target: Target, dice: Random) -> list[Case]:
    """All hostile records for a topic, in random order."""
    records = list(chain(_envelopes(target), _values(target), _texts(target), _fields(target)))
    dice.shuffle(records)
    return records


def _envelopes(target: Target) -> Iterator[Case]:
    def changed(name: str, value: bytes | None) -> Sent:
        record = good(target)[1]
        headers = [(each, old) for each, old in record.headers if each != name]
        return record._replace(headers=headers if value is None else [*headers, (name, value)])

    for name in ("ce_id", "ce_type", "ce_source", "ce_specversion"):
        yield Case(f"without {name}", changed(name, None), dead=True)
        yield Case(f"with an empty {name}", changed(name, b""), dead=True)
        yield Case(f"with a {name} that is not UTF-8", changed(name, b"\xff\xfe"), dead=True)
    yield Case("of an unknown type", changed("ce_type", b"interaction.exploded.v9"), dead=True)
    yield Case("of a type with NUL", changed("ce_type", b"a\x00b"), dead=True)
    yield Case("of a type of 1 MB", changed("ce_type", b"a" * 2**20), dead=True)
    yield Case("of CloudEvents 99", changed("ce_specversion", b"99"), dead=True)
    yield Case("with an id of 1 MB", changed("ce_id", b"a" * 2**20), dead=None)
    yield Case("with a NUL in the id", changed("ce_id", b"a\x00b"), dead=None)
    yield Case("with a time that is none", changed("ce_time", b"yesterday"), dead=True)
    yield Case("with a time out of range", changed("ce_time", b"0000-01-01T00:00:00Z"), dead=True)
    yield Case("with a subject of 1 MB", changed("ce_subject", b"a" * 2**20), dead=None)
    yield Case("with a trace that is none", changed("ce_traceparent", b"00-\x00\xc3\xa4-zz"), dead=None)
    yield Case("with a content type of PDF", changed("content-type", b"application/pdf"), dead=None)
    record = good(target)[1]
    yield Case("without headers", record._replace(headers=[]), dead=True)
    yield Case(
        "with 10,000 headers",
        good(target)[1]._replace(headers=[*record.headers, *[("x", b"y")] * 10_000]),
        dead=None,
    )
    yield Case(
        "with a header twice",
        good(target)[1]._replace(headers=[*record.headers, ("ce_id", b"another")]),
        dead=None,
    )
    yield Case("without a key", good(target)[1]._replace(key=None), dead=None)
    yield Case("with a key of bytes", good(target)[1]._replace(key=bytes(range(256))), dead=None)
    wrong = "agents" if target.topic != "agents" else "cases"
    event = TOPICS[wrong].events[0].type
    yield Case("of another topic's type", changed("ce_type", event.encode()), dead=False)


def _values(target: Target) -> Iterator[Case]:
    values: dict[str, bytes | None] = {
        "null": None, "empty": b"", "not JSON": b"{", "a list": b"[]", "a number": b"1", "not UTF-8": b'{"a": "\xff"}',
        "JSON null": b"null", "an empty object": b"{}", "NaN": b'{"a": NaN}', "a BOM": b"\xef\xbb\xbf{}", "bytes": bytes(range(256)),
        "arrays 100,000 deep": b"[" * 100_000, "objects 100,000 deep": b'{"a":' * 100_000,
        "a number of 1 MB": b'{"a": ' + b"9" * 2**20 + b"}", "1,000,000 keys": b"{" + b'"a":1,' * 10**6 + b'"b":1}',
        "10 MB of nothing": b" " * 10 * 2**20, "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 100,
    }  # fmt: skip
    for name, value in values.items():
        yield Case(f"whose value is {name}", good(target)[1]._replace(value=value), dead=True)


def _texts(target: Target) -> Iterator[Case]:
    def with_text(text: str) -> Sent:
        data, record = good(target, calm=False)
        return record._replace(value=json.dumps(_set(data, target.text, text)).encode())

    yield Case("with NUL in the text", with_text("a\x00b"), dead=None)
    yield Case("with NUL escaped twice", with_text("a\\u0000b"), dead=False)
    yield Case("with a lone surrogate in the text", with_text("a\ud800b"), dead=True)
    yield Case("with 10 MB of text", with_text("word " * 2 * 2**20), dead=None)
    yield Case("with one word of 1 MB", with_text("a" * 2**20), dead=None)
    yield Case(
        "with controls in the text",
        with_text("".join(map(chr, range(1, 32))) + "\u202e\ufeff\U0001f600"),
        dead=False,
    )
    yield Case(
        "with CEL and SQL in the text",
        with_text("'; drop table x; -- ${7*7} {{7*7}} %s %(a)s :x"),
        dead=False,
    )


def _fields(target: Target) -> Iterator[Case]:
    for name, value in _leaves(good(target)[0]):
        for kind, other in _others(value):
            data, record = good(target)
            changed = json.dumps(_set(data, name, other)).encode()
            yield Case(
                f"whose {'.'.join(map(str, name))} is {kind}", record._replace(value=changed), dead=None
            )
        data, record = good(target)
        yield Case(
            f"without {'.'.join(map(str, name))}",
            record._replace(value=json.dumps(_without(data, name)).encode()),
            dead=None,
        )


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    else:
        yield path, value


def _others(value: object) -> Iterator[tuple[str, Any]]:
    yield "NUL", "a\x00b"
    yield "another kind", {"a": []} if not isinstance(value, dict) else 1
    if isinstance(value, str) and "T" in value and value.endswith("Z"):
        yield "the year 1", "0001-01-01T00:00:00+14:00"
        yield "the year 9999", "9999-12-31T23:59:59-14:00"
        yield "seconds since 1970", 1e300
    if isinstance(value, int):
        yield "2^63", 2**63
        yield "-10^400", -(10**400)


def _set(data: Json, path: Sequence[str], value: object) -> Json:
    head, *rest = path
    return {**data, head: _set(data[head], rest, value) if rest else value}


def _without(data: Json, path: Sequence[str]) -> Json:
    head, *rest = path
    if rest:
        return {**data, head: _without(data[head], rest)}
    return {name: value for name, value in data.items() if name != head}
