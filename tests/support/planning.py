"""The queue Planning of a running system, for tests of pages: what customers write, how it is handled, and what is left."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

from antiphon.access.roles import Role
from tests.support.people import Json, People
from tests.support.waiting import until

_LINES = "    name: Planning\n    sla_policy: standard\n    offer_timeout: 30s\n"


class Planning:
    """Elena and Farid are its agents. A test leaves no open work behind."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def write(self, subject: str, name: str = "Ilse Novak") -> Json:
        """A customer writes a mail; returns the work item once it waits or is offered."""
        address = f"{uuid4()}@mail.example"
        self.people.mail(
            f'"{name}" <{address}>',
            "We would like to build a veranda. Do we need a permit?",
            to="planning@banksia.example", subject=subject,
        )  # fmt: skip

        async def found() -> Json | None:
            return next((work for work in await self.open_work() if work["subject"] == subject), None)

        return await until(found, what=f"work on {subject!r}") or {}

    async def open_work(self) -> list[Json]:
        """The open work of the queue, the first due first."""
        page = await self.people.see("routing", "/work?queue=planning&sort=due_at&limit=200")
        items: list[Json] = page["items"]
        return items

    async def act(self, work: Json, act: str, by: str = "sam", **body: object) -> None:
        """What a supervisor does with a work item, e.g. `assign`."""
        path = f"/work/{work['work_item_id']}/{act}"
        answer = await self.people.ask(Role.SUPERVISOR, by, "POST", "routing", path, json=body)
        assert answer.is_success, answer.text

    async def finish(self) -> None:
        """Completes what is open of the customers of `write`."""
        for work in await self.open_work():
            if work["subject"] is not None:
                await self.act(work, "complete", reason="the test is over")

    @asynccontextmanager
    async def impatient(self) -> AsyncGenerator[None]:
        """Meanwhile an offer lasts four seconds, and can't be declined."""
        people = self.people
        active = await people.ask(Role.OPERATIONS, "olga", "GET", "routing", "/configuration")
        source = active.json()["source"]
        assert source.count(_LINES) == 1
        changed = source.replace(_LINES, f"{_LINES[:-4]}4s\n    may_decline: false\n")
        body = {"name": "Impatient", "why": "a test", "source": changed}
        draft = await people.ask(Role.OPERATIONS, "olga", "POST", "routing", "/drafts", json=body)
        assert draft.is_success, draft.text
        published = await people.ask(
            Role.OPERATIONS, "olga", "POST", "routing", f"/drafts/{draft.json()['draft_id']}/publish",
            json={"why": "a test"}, headers={"If-Match": draft.headers["ETag"]},
        )  # fmt: skip
        assert published.is_success, published.text
        try:
            yield
        finally:
            await self._back()

    async def _back(self) -> None:
        active = await self.people.ask(Role.OPERATIONS, "olga", "GET", "routing", "/configuration")
        back = await self.people.ask(
            Role.OPERATIONS, "olga", "POST", "routing", "/configuration/back",
            json={"why": "the test is over"}, headers={"If-Match": active.headers["ETag"]},
        )  # fmt: skip
        assert back.is_success, back.text
