"""Runs the code blocks of a guide, as its reader would."""

import json
import re
from typing import Any

import httpx

from antiphon.process.clock import utc_now
from routing.configuration import trials
from tests.support.routing.api import COUNCIL, RoutingApi

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Reader:
    """Edits the example organisation, sends the requests and checks the answers that a guide shows."""

    def __init__(self, client: RoutingApi) -> None:
        self.client = client
        self.variables: dict[str, str] = {"source": COUNCIL}
        self.answer: httpx.Response | None = None

    async def run(self, kind: str, content: str) -> None:
        """Runs a block of a kind: `diff` edits the source, `http` sends a request, any other is the last answer."""
        if kind == "diff":
            self._edit(content)
        elif kind == "http":
            await self._ask(content)
        else:
            assert self.answer is not None
            assert self.answer.is_success, self.answer.text
            difference = find_difference(json.loads(content), self.answer.json())
            assert not difference, f"{difference}\n{self.answer.text}"

    def _edit(self, content: str) -> None:
        lines = content.rstrip("\n").split("\n")
        old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        assert self.variables["source"].count(old) == 1
        self.variables["source"] = self.variables["source"].replace(old, new)

    async def _ask(self, content: str) -> None:
        head, _, body = content.partition("\n\n")
        first, *headers = head.strip().split("\n")
        verb, path = first.split()
        tag = next((line.removeprefix("If-Match: ") for line in headers), None)
        options = {"json": json.loads(body, object_hook=self._fill_values)} if body else {}
        self.answer = await self.client.ask(
            verb, self._fill(path), tag=None if tag is None else self._fill(tag), **options
        )  # fmt: skip
        if etag := self.answer.headers.get("ETag"):
            self.variables["etag"] = etag
        if path.endswith("/trial"):
            assert await trials.run_next(self.client.engine, utc_now)
        answer = self.answer.json()
        answer |= answer.get("publication") or {}
        ids = ("draft_id", "trial_id", "shadow_id", "publication_id")
        self.variables |= {name: answer[name] for name in ids if answer.get(name)}

    def _fill_values(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._fill(value) if isinstance(value, str) else value for name, value in values.items()
        }

    def _fill(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda variable: self.variables[variable[1]], text)


ANYTHING = "…"


def find_difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """The first place where an answer is not what the guide shows, or None. The answer may have more fields."""
    if expected == ANYTHING:
        return None
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{path}: {actual!r}"
        return next(
            (difference for key in expected if (difference := find_difference(expected[key], actual.get(key, "(absent)"), f"{path}/{key}"))), None
        )  # fmt: skip
    if isinstance(expected, list):
        may_have_more = expected[-1:] == [ANYTHING]
        shown = expected[:-1] if may_have_more else expected
        if (
            not isinstance(actual, list)
            or len(actual) < len(shown)
            or (len(actual) > len(shown) and not may_have_more)
        ):
            return f"{path}: {actual!r}"
        pairs = enumerate(zip(shown, actual, strict=False))
        return next(
            (difference for n, (a, b) in pairs if (difference := find_difference(a, b, f"{path}/{n}"))), None
        )
    return None if expected == actual else f"{path}: {actual!r} is not {expected!r}"
