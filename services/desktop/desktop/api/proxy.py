"""The services' APIs under one address: `/api/<service>/…`."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import httpx
from fastapi import FastAPI, Request, Response

from antiphon.http.changes import EventStream
from desktop.api.gate import TOKEN
from desktop.api.parameters import Api, signed_in
from desktop.streams.merged import until_ended
from desktop.streams.services import METHODS, Services, chunks_of, handed_on


def add(app: FastAPI, at: Api) -> None:
    """Adds the route. The services' own documents describe what is behind it."""

    async def pass_on(request: Request) -> Response:
        session = await signed_in(at, request)
        service, path = request.path_params["service"], request.path_params["path"]
        at.services.address(service)
        answer = await at.services.pass_on(request, service, path, await at.sessions.token(session))
        chunks = chunks_of(answer)
        return handed_on(answer, _while_signed_in(at, session.key, chunks) if _is_stream(answer) else chunks)

    app.add_route("/api/{service}/{path:path}", pass_on, methods=list(METHODS), include_in_schema=False)


def add_for_programs(app: FastAPI, services: Services, streams_last: timedelta) -> None:
    """Adds the route of the API port, where `Gate` has checked the token. A stream ends after `streams_last`, as its token does."""

    async def pass_on(request: Request) -> Response:
        service, path = request.path_params["service"], request.path_params["path"]
        token: str = getattr(request.state, TOKEN)
        answer = await services.pass_on(request, service, path, token)
        chunks = chunks_of(answer)
        return handed_on(answer, _for(streams_last, chunks) if _is_stream(answer) else chunks)

    app.add_route("/api/{service}/{path:path}", pass_on, methods=list(METHODS), include_in_schema=False)


def _is_stream(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").startswith(EventStream.media_type)


async def _for(time: timedelta, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    ended = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(time.total_seconds(), ended.set)
    try:
        async for chunk in until_ended(chunks, ended):
            yield chunk
    finally:
        timer.cancel()


async def _while_signed_in(at: Api, key: bytes, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    with at.streams.follow(key) as ended:
        async for chunk in until_ended(chunks, ended):
            yield chunk
