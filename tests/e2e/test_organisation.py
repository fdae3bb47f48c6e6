"""A published configuration is active in every service, also in one that was killed meanwhile."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from tests.support.people import People
from tests.support.waiting import until

LIBRARY = {
    "tone:": "  library: { name: Library, topics: { loan: [borrow, overdue book] } }",
    "    - address: rates@banksia.example": "    - { address: library@banksia.example, name: Library, department: library }",
    "  front-desk:": "  library: { name: Library, sla_policy: standard, offer_timeout: 30s }",
    "  - name: Rates": "  - { name: Library, when: case.department == 'library', then: { queue: library, priority: 45 } }",
    "people:": "  - { id: lena, name: Lena Vogt, departments: [library], queues: [library] }",
}
"""Lines of a new department, by the line before which each stands; a person stands behind it."""


def with_library(source: str) -> str:
    """The organisation with a library."""
    for line, added in LIBRARY.items():
        pair = f"{line}\n{added}\n" if line == "people:" else f"{added}\n{line}\n"
        assert source.count(f"\n{line}\n") == 1, line
        source = source.replace(f"\n{line}\n", f"\n{pair}")
    return source


async def publish(people: People, comment: str, change: Callable[[str], str] = str) -> int:
    """Publishes the active configuration with a change and a comment; returns the version."""
    source = (await people.ask(Role.OPERATIONS, "olga", "GET", "routing", "/configuration")).json()["source"]
    body = {"name": comment, "why": comment, "source": f"{change(source)}# {comment}\n"}
    draft = await people.ask(Role.OPERATIONS, "olga", "POST", "routing", "/drafts", json=body)
    published = await people.ask(
        Role.OPERATIONS, "olga", "POST", "routing", f"/drafts/{draft.json()['draft_id']}/publish",
        json={"why": comment}, headers={"If-Match": draft.headers["ETag"]},
    )  # fmt: skip
    assert published.status_code == 200, published.text
    version: int = published.json()["configuration_version"]
    return version


async def active_versions(people: People) -> dict[str, int]:
    """The version that each service shows."""
    answers = {name: await people.http.get(f"{people.stack.url(name)}/readyz") for name in SERVICES}
    return {name: answer.json().get("configuration_version", -1) for name, answer in answers.items()}


async def test_services_killed_while_a_version_is_published_all_end_on_it(people: People) -> None:
    version = await publish(people, "before the kill")
    for service in SERVICES:
        people.stack.kill(service)
    for service in SERVICES:
        await asyncio.to_thread(people.stack.start_service, service, wait=False)
    for service in SERVICES:
        await asyncio.to_thread(people.stack.wait_ready, service)

    async def all_have_it() -> bool:
        return set((await active_versions(people)).values()) == {version}

    await until(all_have_it, within=60, what=f"version {version} in every service")
    version = await publish(people, "after the kill")
    await until(all_have_it, within=60, what=f"version {version} in every service")


async def test_a_mail_to_a_published_address_goes_to_a_published_person_without_a_restart(
    people: People,
) -> None:
    version = await publish(people, "a library", with_library)

    async def all_have_it() -> bool:
        return set((await active_versions(people)).values()) == {version}

    await until(all_have_it, what=f"version {version} in every service")
    await people.presence("lena", "available")
    sender = f"reader-{uuid4().hex[:8]}@mail.example"
    people.mail(sender, "May I borrow two novels?", to="library@banksia.example")
    (offer,) = await until(lambda: people.offers("lena"), what="an offer to Lena")
    assert (offer["work"]["queue"], offer["work"]["priority"]) == ("library", 45)
    whole = await people.case(offer["work"]["case_id"])
    assert whole["department"] == "library"
    (message,) = whole["interactions"]
    assert message["reading"]["topics"] == ["loan"]
    assert message["reading"]["configuration_version"] == version
