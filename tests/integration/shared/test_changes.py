"""Live changes: a stream skips and repeats none, and resumes after the last event id."""

import asyncio
import json
from contextlib import aclosing
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.http import changes
from antiphon.http.changes import EVERYTHING, Change, ChangeFeed, Interest
from tests.conftest import NewDatabase
from tests.support.waiting import until


def change(name: str) -> Change:
    return Change("made", name, [f"who:{name[0]}"], {"n": 1})


class Seen(NamedTuple):
    kind: str
    id: str
    data: dict[str, Any]


def read(chunk: bytes) -> list[Seen]:
    """The events of a chunk, without comments."""
    events: list[Seen] = []
    for block in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            events.append(Seen(fields["event"], fields["id"], json.loads(fields["data"])))
    return events


async def collect(
    feed: ChangeFeed, last: str | None, wanted: int, seen: list[Seen], interest: Interest = EVERYTHING
) -> None:
    async with aclosing(feed.stream(last, interest)) as stream:
        async for chunk in stream:
            for event in read(chunk):
                if event.kind == "begin":
                    has_begun.set()
                else:
                    seen.append(event)
            if len(seen) >= wanted:
                return


has_begun = asyncio.Event()


async def test_a_change_that_commits_late_is_seen_and_resuming_repeats_none(
    new_database: NewDatabase,
) -> None:
    engine = await new_database("routing")
    feed = ChangeFeed(engine)
    running = asyncio.create_task(feed.run())
    has_begun.clear()
    seen: list[Seen] = []
    reading = asyncio.create_task(collect(feed, None, 41, seen))
    await asyncio.wait_for(has_begun.wait(), 10)
    # The first transaction that takes an id is the last to commit.
    async with engine.begin() as slow:
        await changes.record(slow, [change("slow")])
        await asyncio.gather(*(_write(engine, f"q{number}") for number in range(40)))
    await asyncio.wait_for(reading, 20)
    subjects = [event.data["subject"] for event in seen]
    assert sorted(subjects) == sorted(["slow", *(f"q{number}" for number in range(40))])
    # A desktop that saw the first 20 resumes there.
    again: list[Seen] = []
    await asyncio.wait_for(collect(feed, seen[19].id, 21, again), 10)
    assert [event.id for event in again] == [event.id for event in seen[20:]]
    running.cancel()


async def _write(engine: AsyncEngine, name: str) -> None:
    async with engine.begin() as tx:
        await changes.record(tx, [change(name)])


async def test_an_event_id_that_is_too_old_or_unknown_gets_a_reset(new_database: NewDatabase) -> None:
    engine = await new_database("routing")
    feed = ChangeFeed(engine)
    await _write(engine, "kept")
    for last in (
        "1-1",
        "nonsense",
        f"{2**62}-1",
    ):  # the last id is of a server that is ahead, as before a restore
        async with aclosing(feed.stream(last, EVERYTHING)) as stream:
            assert [event.kind for event in read(await anext(stream))] == ["reset"]


async def test_a_stream_has_only_the_changes_of_its_interest_live_and_resumed(
    new_database: NewDatabase,
) -> None:
    engine = await new_database("routing")
    feed = ChangeFeed(engine)
    running = asyncio.create_task(feed.run())
    mine, queue = Interest(frozenset({"who:a", "who:b"})), Interest(frozenset({"what:x"}))
    seen: dict[Interest, list[Seen]] = {mine: [], queue: []}
    readers = [
        asyncio.create_task(collect(feed, None, 2, events, interest)) for interest, events in seen.items()
    ]

    async def both_follow() -> bool:
        return feed.open_streams == 2

    await until(both_follow)
    audiences = (
        ["who:a"],
        ["who:c"],
        ["who:a", "what:x"],
        ["who:b", "who:a"],
        ["what:x"],
        ["what:x", "who:a"],
    )
    for number, audience in enumerate(audiences):
        async with engine.begin() as tx:
            await changes.record(tx, [Change("made", str(number), audience, {})])
    await asyncio.wait_for(asyncio.gather(*readers), 20)
    assert [event.data["subject"] for event in seen[mine]][:2] == ["0", "2"]
    assert [event.data["subject"] for event in seen[queue]][:2] == ["2", "4"]
    again: list[Seen] = []
    await asyncio.wait_for(collect(feed, seen[mine][0].id, 3, again, mine), 10)
    assert [event.data["subject"] for event in again][:3] == ["2", "3", "5"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert feed.open_streams == 0


async def test_trimming_deletes_only_old_changes(new_database: NewDatabase) -> None:
    engine = await new_database("routing")
    await _write(engine, "old")
    async with engine.begin() as tx:
        await tx.execute(text("update change_log set at = now() - interval '2 days'"))
    await _write(engine, "new")
    from datetime import timedelta  # noqa: PLC0415 - only here

    task = asyncio.create_task(changes.trim(engine, timedelta(days=1), timedelta(hours=1)))
    async with asyncio.timeout(10):
        while True:
            async with engine.connect() as connection:
                left = (await connection.execute(text("select subject from change_log"))).scalars().all()
            if left == ["new"]:
                break
    task.cancel()
