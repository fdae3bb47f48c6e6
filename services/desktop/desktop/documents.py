"""The OpenAPI document of all services, made of the documents that they serve."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from antiphon.process import logs
from desktop.domain.merged_document import Document, merged
from desktop.streams.services import Services

LOG = logs.get(__name__)
# A service that was started again may have another document.
MAX_AGE: Final = timedelta(seconds=60)
MAX_AGE_INCOMPLETE: Final = timedelta(seconds=5)
_DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class Documents:
    """Keeps the document for MAX_AGE, and one in which a service is missing for MAX_AGE_INCOMPLETE."""

    def __init__(self, services: Services, token_url: str) -> None:
        self._services = services
        self._token_url = token_url
        self._lock = asyncio.Lock()
        self._kept: tuple[float, Document, bytes] | None = None

    async def document(self) -> Document:
        """The document."""
        return (await self._current())[1]

    async def json(self) -> bytes:
        """The document as it is served."""
        return (await self._current())[2]

    async def _current(self) -> tuple[float, Document, bytes]:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._kept is None or now >= self._kept[0]:
                found, missing = await self._fetch()
                document = merged(found, missing, token_url=self._token_url)
                age = MAX_AGE_INCOMPLETE if missing else MAX_AGE
                self._kept = now + age.total_seconds(), document, json.dumps(document).encode()
            return self._kept

    async def _fetch(self) -> tuple[Mapping[str, Document], list[str]]:
        names = sorted(self._services.names)
        documents = await asyncio.gather(*(self._of(name) for name in names))
        answers = dict(zip(names, documents, strict=True))
        found = {name: document for name, document in answers.items() if document is not None}
        return found, [name for name in names if name not in found]

    async def _of(self, service: str) -> Document | None:
        try:
            answer = await self._services.http.get(
                f"{self._services.address(service)}/openapi.json", timeout=5
            )
            answer.raise_for_status()
            return _DOCUMENT.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            LOG.warning("a service's document is missing", service=service, reason=type(error).__name__)
            return None
