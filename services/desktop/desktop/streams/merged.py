"""The streams of several services as one: each is followed by itself, and one that is lost is taken up again where it was."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import httpx

from antiphon.http.problems import Problem
from antiphon.process import logs
from desktop.domain.merged_stream import Event, EventReader, places_in, written
from desktop.streams.services import Services

LOG = logs.get(__name__)
KEEP_ALIVE = timedelta(seconds=15)
_ENDED = b"event: session.ended\ndata: {}\n\n"
# Events that wait for the browser; beyond them the services wait, which send `reset` to who is too far behind.
_WAITING = 500
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 5.0


class Source(NamedTuple):
    """A stream to follow: the name that its events get, its service, and what is asked there."""

    name: str
    service: str
    path: str
    parameters: Sequence[tuple[str, str]] = ()


_Queue = asyncio.Queue[tuple[str, Event]]


class Merged:
    """One stream of a browser. `token` gives an access token of its session, or raises Problem when that is over."""

    def __init__(
        self,
        services: Services,
        sources: Sequence[Source],
        token: Callable[[], Awaitable[str]],
        ended: asyncio.Event,
    ) -> None:
        self._services = services
        self._sources = sources
        self._token = token
        self._ended = ended
        self._queue: _Queue = asyncio.Queue(_WAITING)

    async def stream(self, last_event_id: str | None) -> AsyncGenerator[bytes]:
        """The events of all sources from `last_event_id` on, each source from its place in it, until the session ends."""
        given = places_in(last_event_id)
        names = [source.name for source in self._sources]
        places = {name: given[name] for name in names if name in given}
        resumes = last_event_id is not None
        followers = [
            asyncio.create_task(self._follow(source, places.get(source.name), resumes=resumes))
            for source in self._sources
        ]
        over = asyncio.create_task(self._ended.wait())
        try:
            yield b": merged\n\n"
            while True:
                events = await self._next(over)
                if over.done():
                    yield _ENDED
                    return
                for follower in followers:
                    if follower.done():
                        follower.result()  # raises what it failed by
                yield b"".join(_noted(*one, places) for one in events) or b": still here\n\n"
        finally:
            for task in (*followers, over):
                task.cancel()
            await asyncio.gather(*followers, return_exceptions=True)

    async def _next(self, over: asyncio.Task[bool]) -> list[tuple[str, Event]]:
        """What came, at least one event; nothing when nothing came for KEEP_ALIVE, or when the session is over."""
        first = asyncio.create_task(self._queue.get())
        try:
            await asyncio.wait(
                [first, over], timeout=KEEP_ALIVE.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not first.done():
                first.cancel()
        if not first.done() or first.cancelled():
            return []
        events = [first.result()]
        while not self._queue.empty():
            events.append(self._queue.get_nowait())
        return events

    async def _follow(self, source: Source, place: str | None, *, resumes: bool) -> None:
        """Follows one source for ever; it ends when the person may not follow it."""
        wait, lost = _FIRST_WAIT_S, False
        while True:
            try:
                token = await self._token()
                async with self._services.http.stream(
                    "GET", f"{self._services.address(source.service)}{source.path}",
                    params=list(source.parameters), headers=_headers(token, place),
                ) as answer:  # fmt: skip
                    if answer.status_code == 403:
                        return
                    answer.raise_for_status()
                    reader = EventReader()
                    async for more in answer.aiter_bytes():
                        for event in reader.read(more):
                            wait, lost = _FIRST_WAIT_S, False
                            # Without a place nobody knows what the browser missed of this source.
                            anew = event.kind == "begin" and place is None and resumes
                            await self._queue.put(
                                (source.name, event._replace(kind="reset") if anew else event)
                            )
                            place = event.id or place
                            resumes = True
            except (httpx.HTTPError, Problem) as error:
                LOG.info("a stream is taken up again", source=source.name, reason=repr(error))
            if not lost:
                lost = True
                await self._queue.put((source.name, Event("lost", "", "{}")))
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)


def _noted(name: str, event: Event, places: dict[str, str]) -> bytes:
    if event.id:
        places[name] = event.id
    return written(name, event, places)


def _headers(token: str, place: str | None) -> Mapping[str, str]:
    resumed = {"Last-Event-ID": place} if place is not None else {}
    return {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", **resumed}


async def until_ended(chunks: AsyncGenerator[bytes], ended: asyncio.Event) -> AsyncGenerator[bytes]:
    """The chunks until the session ends."""
    over = asyncio.create_task(ended.wait())
    try:
        while not ended.is_set():
            following = asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait([following, over], return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                return
            chunk = following.result()
            if chunk is None:
                return
            yield chunk
    finally:
        over.cancel()
        await chunks.aclose()
