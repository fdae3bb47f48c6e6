"""Calls the functions that read bytes directly: they raise nothing, end soon, and return what PostgreSQL and JSON can store.

Runs as its own program, because a stack overflow in native code ends the process:
`python -m tests.fuzz.readers SEED SECONDS` prints JSON lines.
"""

import asyncio
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from random import Random
from types import FrameType
from typing import Any, NamedTuple

import libipld
from hypothesis import strategies as st

from deploy.site import PROJECT
from ingest_email.domain.accounts import Account, OurMail
from ingest_email.domain.mail import Envelope
from ingest_email.domain.parser import read_mail
from ingest_social.bluesky import frames
from ingest_social.bluesky.records import Us
from tests.fuzz import seeds
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run

PART = "readers"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OURS = OurMail("banksia.example", (Account("council@banksia.example", "City of Banksia"),))
TO_US = Envelope("jo@mail.example", ("council@banksia.example",))
US = Us("did:plc:us", "cityofbanksia.test")
LONGEST_S = 5
BATCH = 100


class Reader(NamedTuple):
    """A function that reads bytes, and a generator of bytes for it from a number."""

    name: str
    read: Callable[[bytes], object]
    make: Callable[[int], Iterator[bytes]]


def _mail(raw: bytes) -> object:
    # For what PostgreSQL and JSON cannot store, ingest-email would refuse the mail temporarily again and again.
    return _storable(read_mail(raw, TO_US, NOW, OURS).interaction.model_dump_json())


def _frame(raw: bytes) -> object:
    read = frames.read(raw, US, NOW)
    return _storable(json.dumps([repr(change) for change in read.changes]))


def _storable(text: str) -> object:
    text.encode()
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("holds NUL")
    return json.loads(text)


def _mails(number: int) -> Iterator[bytes]:
    yield from seeds.grown(number, seeds.MAILS, BATCH)


def _frames(number: int) -> Iterator[bytes]:
    dice = Random(number)  # noqa: S311 - not for secrets
    if number % 50 == 0:
        yield from _bombs()
    for whole in seeds.grown(number, _FRAME, BATCH):
        yield whole
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        yield bytes(damaged)
        yield whole[: dice.randrange(len(whole))]


def _bombs() -> Iterator[bytes]:
    """Deep nesting, wrong lengths, and truncated CAR files."""
    head = libipld.encode_dag_cbor({"op": 1, "t": "#commit"})
    for depth in (1_000, 100_000, 1_000_000):
        yield b"\x81" * depth
        yield head + b"\x81" * depth + b"\x00"
        yield head + b"\xa1\x61a" * depth + b"\x00"
        yield head + b"\xd8\x2a" * depth
    for major in (0x40, 0x60, 0x80, 0xA0):
        for length in (b"\x1b" + b"\xff" * 8, b"\x1b\x7f" + b"\xff" * 7, b"\x1a\xff\xff\xff\xff", b"\x1f"):
            yield head + bytes([major | length[0]]) + length[1:]
            yield bytes([major | length[0]]) + length[1:]
    for blocks in (
        b"",
        b"\x00",
        b"\xff" * 10,
        b"\x80" * 100 + b"\x01",
        b"\x3a\xa2eroots\x80gversion\x01" + b"\xff" * 9,
        bytes(range(256)),
    ):
        yield head + libipld.encode_dag_cbor(_commit(blocks))


def _commit(blocks: bytes, cid: Any = b"x", path: str = "app.bsky.feed.post/3mdabcdefgh2a") -> dict[str, Any]:
    op = {"action": "create", "path": path, "cid": cid}
    return {
        "seq": 7,
        "time": "2026-11-23T08:59:00Z",
        "repo": "did:plc:jo",
        "rev": "3a",
        "ops": [op],
        "blocks": blocks,
    }


_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)  # fmt: skip
_FIELD = st.sampled_from(
    ["seq", "time", "repo", "did", "rev", "ops", "blocks", "active", "status", "tooBig", "error", "name"]
)
_KIND = st.sampled_from(["#commit", "#sync", "#identity", "#account", "#info", "#", ""])


@st.composite
def _whole_frame(draw: st.DrawFn) -> bytes:
    header = draw(st.fixed_dictionaries({"op": st.sampled_from([1, 1, 1, -1, 0]), "t": _KIND}) | _ANY)
    body = _commit(draw(st.binary(max_size=60)), draw(_ANY)) | draw(st.dictionaries(_FIELD, _ANY, max_size=4))
    return libipld.encode_dag_cbor(header) + libipld.encode_dag_cbor(draw(st.just(body) | _ANY))


_FRAME = _whole_frame() | st.binary(min_size=1, max_size=200)
READERS = (Reader("read_mail", _mail, _mails), Reader("frames of Bluesky's stream", _frame, _frames))


class _TooLongError(BaseException):
    """A reader took too long. It is a BaseException so that no handler in the reader catches it."""


def _raise_too_long(_signal: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def call(row: AttackResult, reader: Reader, raw: bytes) -> float:
    """Calls a reader with a time limit; returns the seconds that it took."""
    began = time.perf_counter()
    signal.alarm(LONGEST_S)
    try:
        reader.read(raw)
        row.expect(holds=True, otherwise="")
    except _TooLongError:
        row.expect(
            holds=False, otherwise=f"took longer than {LONGEST_S} s on {raw[:200]!r}, {len(raw)} bytes"
        )
    except Exception as error:  # noqa: BLE001 - any error is a finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        failure = f"{type(error).__name__}: {error} in {place.name}, line {place.lineno}"
        row.expect(holds=False, otherwise=f"{failure} on {raw[:300]!r}")
    finally:
        signal.alarm(0)
    return time.perf_counter() - began


def main(seed: int, seconds: float) -> None:
    """Calls each reader; the readers divide the time equally."""
    signal.signal(signal.SIGALRM, _raise_too_long)
    for reader in READERS:
        row, worst = AttackResult(PART, reader.name), 0.0
        ends, number = time.monotonic() + seconds / len(READERS), seed * 100
        while time.monotonic() < ends:
            for raw in reader.make(number):
                worst = max(worst, call(row, reader, raw))
            number += 1
        row.note = f"worst {worst * 1000:.0f} ms"
        sys.stdout.write(json.dumps(asdict(row)) + "\n")


async def attack(run: Run) -> list[AttackResult]:
    """Runs this module as a program; that the process survives is a try too."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fuzz.readers", str(run.seed), str(run.left()),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=PROJECT,
    )  # fmt: skip
    output, error = await program.communicate()
    alive = AttackResult(PART, "the process of the readers survives")
    alive.expect(
        program.returncode == 0, f"ended with {program.returncode}: {error.decode(errors='replace')[-500:]}"
    )
    return [*(AttackResult(**json.loads(line)) for line in output.splitlines()), alive]


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
