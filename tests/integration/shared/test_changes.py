"""Live changes: nothing skipped, nothing twice, resumed where it was left."""

import asyncio
from contextlib import aclosing

from fastapi.sse import ServerSentEvent
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import changes
from antiphon.changes import Change, ChangeFeed
from tests.conftest import NewDatabase


def change(name: str) -> Change:
    return Change("made", name, [f"who:{name[0]}"], {"n": 1})


async def collect(feed: ChangeFeed, last: str | None, wanted: int, seen: list[ServerSentEvent]) -> None:
    async with aclosing(feed.stream(last, lambda _: True)) as stream:  # pyright: ignore[reportArgumentType]
        async for event in stream:
            if event.event != "begin" and event.event is not None:
                seen.append(event)
                if len(seen) >= wanted:
                    return
            elif event.event == "begin":
                seen_begin.set()


seen_begin = asyncio.Event()


async def test_a_change_that_commits_late_is_seen_and_resuming_repeats_none(
    new_database: NewDatabase,
) -> None:
    engine = await new_database("routing")
    feed = ChangeFeed(engine)
    running = asyncio.create_task(feed.run())
    seen_begin.clear()
    seen: list[ServerSentEvent] = []
    reading = asyncio.create_task(collect(feed, None, 41, seen))
    await asyncio.wait_for(seen_begin.wait(), 10)
    # The first to take its number is the last to commit.
    async with engine.begin() as slow:
        await changes.record(slow, [change("slow")])
        await asyncio.gather(*(_write(engine, f"q{number}") for number in range(40)))
    await asyncio.wait_for(reading, 20)
    subjects = [event.data["subject"] for event in seen if event.data]
    assert sorted(subjects) == sorted(["slow", *(f"q{number}" for number in range(40))])
    # A desktop that saw the first twenty resumes there.
    again: list[ServerSentEvent] = []
    await asyncio.wait_for(collect(feed, seen[19].id, 21, again), 10)
    assert [event.id for event in again] == [event.id for event in seen[20:]]
    running.cancel()


async def _write(engine: AsyncEngine, name: str) -> None:
    async with engine.begin() as tx:
        await changes.record(tx, [change(name)])


async def test_a_place_that_is_too_old_or_none_of_ours_gets_reset(new_database: NewDatabase) -> None:
    engine = await new_database("routing")
    feed = ChangeFeed(engine)
    await _write(engine, "kept")
    for last in ("1-1", "nonsense"):
        async with aclosing(feed.stream(last, lambda _: True)) as stream:  # pyright: ignore[reportArgumentType]
            assert (await anext(stream)).event == "reset"


async def test_trimming_forgets_only_what_is_old(new_database: NewDatabase) -> None:
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
