"""A published configuration is active in every service, also in one that was killed meanwhile."""

import asyncio

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from tests.support.people import People
from tests.support.waiting import until


async def publish(people: People, comment: str) -> int:
    """Publishes the active configuration with a comment; returns the version."""
    source = (await people.ask(Role.OPERATIONS, "olga", "GET", "routing", "/configuration")).json()["source"]
    body = {"name": comment, "why": comment, "source": f"{source}# {comment}\n"}
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
