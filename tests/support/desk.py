"""Pages of the desktop in a real browser: who signs in, what they see, and what must never happen on any page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    StorageState,
    expect,
)

from antiphon.access.roles import Role
from deploy.site import PROJECT
from deploy.stack import Stack
from tests.support.people import People

_AXE = PROJECT / "services" / "desktop" / "web" / "node_modules" / "axe-core" / "axe.min.js"
KEPT = PROJECT / ".antiphon" / "browser"
Theme = Literal["light", "dark"]
# Chromium writes a line for each answer of 4xx; pages expect some of them (401, 409, 412).
_ANSWERS = "Failed to load resource"
expect.set_options(timeout=10_000)


MARKUP = "<img src=x onerror=document.title='broken'>"
"""What a customer writes who tries to have a script run."""


class Known(NamedTuple):
    """A case of a customer who sends markup in everything, for tests that need any case and change nothing."""

    case_id: str
    customer_id: str

    def at(self, route: str) -> str:
        """An address of the router, with this case and customer in it."""
        values = {"$caseId": self.case_id, "$customerId": self.customer_id, "$part": "health"}
        return "/".join(values.get(part, part) for part in route.split("/"))


@dataclass
class Desk:
    """The desktop of one stack in one browser. Every person has a context: their own cookies, storage and tabs."""

    stack: Stack
    people: People
    browser: Browser
    signed_in: dict[str, StorageState]
    """What signing in left in each person's browser, so that each signs in once."""
    faults: list[str] = field(default_factory=list[str])
    """What no page may do: an error in the console or in a script, a report of the content policy, an answer of 5xx."""
    services_are_away: bool = False
    """While a test has stopped a service, answers of 5xx are no fault."""
    reported: int = 0
    """How many reports of broken content policies the server had before the test."""
    _contexts: list[BrowserContext] = field(default_factory=list[BrowserContext])

    @property
    def address(self) -> str:
        return self.stack.site.pages

    async def context(
        self, person: str | None, *, width: int = 1280, height: int = 800, theme: Theme = "light", **more: Any
    ) -> BrowserContext:
        """A browser of a person, who is signed in; of nobody for None."""
        if person and person not in self.signed_in:
            await self._sign_in(person)
        context = await self.browser.new_context(
            base_url=self.address, viewport={"width": width, "height": height}, color_scheme=theme,
            locale=more.pop("locale", "en-GB"), reduced_motion="reduce",
            **({"storage_state": self.signed_in[person]} if person else {}), **more,
        )  # fmt: skip
        self._contexts.append(context)
        context.on("page", self._watch)
        return context

    async def open(self, person: str | None, path: str = "/inbox", **how: Any) -> Page:
        """A page in a new browser of a person."""
        page = await (await self.context(person, **how)).new_page()
        await page.goto(path)
        return page

    async def _sign_in(self, person: str) -> None:
        context = await self.browser.new_context(base_url=self.address)
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_role("button", name="Sign in").click()
        await page.locator(f"button[name=person][value={person}]").click()
        await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        self.signed_in[person] = await context.storage_state()
        await context.close()

    def _watch(self, page: Page) -> None:
        def logged(message: ConsoleMessage) -> None:
            if message.type == "error" and not message.text.startswith(_ANSWERS):
                self.faults.append(f"{page.url}: console: {message.text}")

        def answered(response: Response) -> None:
            if response.status >= 500 and not self.services_are_away:
                self.faults.append(f"{page.url}: {response.status} of {response.url}")

        page.on("console", logged)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("response", answered)

    async def set_queue(self, queue: str, state: Literal["open", "paused"]) -> None:
        """A supervisor pauses a queue or opens it, elsewhere."""
        answer = await self.people.ask(
            Role.SUPERVISOR, "maria", "PUT", "routing", f"/queues/{queue}/state",
            json={"state": state, "reason": "A test"},
        )  # fmt: skip
        answer.raise_for_status()

    def forget(self, person: str) -> None:
        """Has the person sign in again: after a test that signed them out."""
        del self.signed_in[person]

    def reports(self) -> int:
        """How often the desktop has logged the report of a browser that a page broke its content policy."""
        return (self.stack.site.logs / "desktop.log").read_text().count("a page broke its policy")

    async def keep(self, name: str) -> None:
        """Keeps a picture of every open page, to look at after a failure."""
        KEPT.mkdir(parents=True, exist_ok=True)
        pages = [page for context in self._contexts for page in context.pages if not page.is_closed()]
        for number, page in enumerate(pages):
            await page.screenshot(path=KEPT / f"{name}-{number}.png")

    async def close(self) -> None:
        """Closes every browser that the test opened."""
        for context in self._contexts:
            await context.close()
        self._contexts.clear()


# A cursor blinks for ever: what has no end is not waited for.
_AT_REST = """Promise.allSettled(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime !== Infinity).map(one => one.finished))"""


@cache
def _axe() -> str:
    return _AXE.read_text()


async def violations(page: Page) -> list[str]:
    """What axe finds on a page as it is: WCAG 2.2 A and AA, and its best practices. One line a rule and place."""
    await page.locator("h1").first.wait_for(state="attached")
    await page.evaluate(_AT_REST)
    await page.evaluate(_axe())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: Mapping[str, Sequence[Mapping[str, Any]]] = await page.evaluate(
        "tags => axe.run(document, { runOnly: tags })", tags
    )
    return [
        f"{violation['id']}: {violation['help']} at {node['target']}: {node['html'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def queue_row(page: Page, queue: str) -> Locator:
    """The row of a queue on the floor."""
    return page.get_by_role("row").filter(has=page.get_by_role("button", name=queue, exact=True))
