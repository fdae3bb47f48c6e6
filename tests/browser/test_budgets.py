"""What the pages cost, as counts."""

import gzip
import json
from typing import Any

from playwright.async_api import Response, expect

from deploy.site import PROJECT
from tests.support.desk import Desk

_BUNDLE = PROJECT / "services" / "desktop" / "web" / "dist"
ENTRY_KB = 150
REQUESTS = 50
"""Files and answers until the list of the inbox is shown."""


def test_what_every_page_loads_is_at_most_150_kb_compressed() -> None:
    manifest: dict[str, Any] = json.loads((_BUNDLE / ".vite" / "manifest.json").read_text())
    entry = next(chunk for chunk in manifest.values() if chunk.get("isEntry"))
    files: set[str] = set()
    chunks = [entry]
    while chunks:
        chunk = chunks.pop()
        if chunk["file"] not in files:
            files |= {chunk["file"], *chunk.get("css", [])}
            chunks += [manifest[name] for name in chunk.get("imports", [])]
    assert sum(len(gzip.compress((_BUNDLE / file).read_bytes())) for file in files) <= ENTRY_KB * 1000


async def test_the_inbox_is_shown_after_few_requests(desk: Desk) -> None:
    page = await (await desk.context("elena")).new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it sets an attribute
    await page.goto("/inbox")
    await expect(page.locator("h1")).to_be_attached()
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    assert len(answers) <= REQUESTS
