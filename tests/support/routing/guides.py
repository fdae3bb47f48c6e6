"""The blocks of a guide, tried as its reader would."""

import json
import re
from typing import Any

import httpx

from antiphon.process.clock import utc_now
from routing.configuration import trials
from tests.support.routing.api import COUNCIL, RoutingApi

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who does what the guide says."""

    def __init__(self, client: RoutingApi) -> None:
        self.client = client
        self.known: dict[str, str] = {"source": COUNCIL}
        self.answer: httpx.Response | None = None

    async def do(self, kind: str, content: str) -> None:
        if kind == "diff":
            self._edit(content)
        elif kind == "http":
            await self._ask(content)
        else:
            assert self.answer is not None
            assert self.answer.is_success, self.answer.text
            told = matches(json.loads(content), self.answer.json())
            assert not told, f"{told}\n{self.answer.text}"

    def _edit(self, content: str) -> None:
        lines = content.rstrip("\n").split("\n")
        old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        assert self.known["source"].count(old) == 1
        self.known["source"] = self.known["source"].replace(old, new)

    async def _ask(self, content: str) -> None:
        head, _, body = content.partition("\n\n")
        first, *headers = head.strip().split("\n")
        verb, path = first.split()
        tag = next((line.removeprefix("If-Match: ") for line in headers), None)
        given = json.loads(body, object_hook=self._filled) if body else None
        self.answer = await self.client.ask(
            verb, self._put_in(path), tag=None if tag is None else self._put_in(tag),
            **({} if given is None else {"json": given}),
        )  # fmt: skip
        if etag := self.answer.headers.get("ETag"):
            self.known["etag"] = etag
        if path.endswith("/trial"):
            assert await trials.run_next(self.client.engine, utc_now)
        found = self.answer.json()
        found |= found.get("publication") or {}
        named = ("draft_id", "trial_id", "shadow_id", "publication_id")
        self.known |= {name: found[name] for name in named if found.get(name)}

    def _filled(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._put_in(value) if isinstance(value, str) else value for name, value in values.items()
        }

    def _put_in(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.known[found[1]], text)


ANYTHING = "…"


def matches(expected: Any, found: Any, at: str = "") -> str | None:
    """Where the answer is not what the guide shows; what the guide leaves out may be there."""
    if expected == ANYTHING:
        return None
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return f"{at}: {found!r}"
        return next(
            (wrong for key in expected if (wrong := matches(expected[key], found.get(key, "(absent)"), f"{at}/{key}"))), None
        )  # fmt: skip
    if isinstance(expected, list):
        more = expected[-1:] == [ANYTHING]
        shown = expected[:-1] if more else expected
        if not isinstance(found, list) or len(found) < len(shown) or (len(found) > len(shown) and not more):
            return f"{at}: {found!r}"
        pairs = enumerate(zip(shown, found, strict=False))
        return next((wrong for n, (a, b) in pairs if (wrong := matches(a, b, f"{at}/{n}"))), None)
    return None if expected == found else f"{at}: {found!r} is not {expected!r}"
