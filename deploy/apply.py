"""`make apply`: publishes an organisation's file by routing's API, for those who keep it in git."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from antiphon.service_names import ROUTING
from deploy import keys
from deploy.site import Site

Json = dict[str, Any]
Show = Callable[[str], None]
# By whom routing's drafts of the file are, and in which states a publication is still to become active.
FILE_AUTHOR = "organisation file"
TO_COME = {"waiting", "planned"}


class NotAppliedError(Exception):
    """The file was not published. The message says why, line by line."""


def run(site: Site, path: Path, why: str, name: str, show: Show) -> int:
    """Publishes the file as the person `name`; returns the exit status."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        show(f"{path}: {error}")
        return 1
    return asyncio.run(_ask_routing(site, str(path), source, why, name, show))


async def _ask_routing(site: Site, file: str, source: str, why: str, name: str, show: Show) -> int:
    token = keys.token(site.secrets, role=Role.OPERATIONS, name=name, now=utc_now(), issuer=site.issuer)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(base_url=site.url(ROUTING), headers=headers, timeout=60) as http:
            await apply(http, file, source, why, show)
    except NotAppliedError as error:
        show(str(error))
    except httpx.TransportError as error:
        show(f"routing does not answer ({type(error).__name__}); make up starts it")
    else:
        return 0
    return 1


async def apply(http: httpx.AsyncClient, file: str, source: str, why: str, show: Show) -> None:
    """Publishes a file's text as a version: shows its difference in words, and the version or what it waits for.

    Raises NotAppliedError with every fault of the text, and when routing refuses it. Then no draft is left.
    """
    active = _taken(await http.get("/configuration"))
    if active["source"] == source:
        show(f"Nothing changes: version {active['configuration_version']} says what {file} says.")
        return
    if waiting := await _waiting(http, source):
        show(f"It was asked for already. {_waits_for(waiting)}")
        return
    draft, etag = await _draft(http, file, source, why, active["configuration_version"])
    try:
        published = await _publish_draft(http, file, draft, etag, why, show)
    except NotAppliedError:
        await http.delete(f"/drafts/{draft['draft_id']}", headers={"If-Match": etag})
        raise
    if published["configuration_version"] is None:
        show(_waits_for(published["publication"]))
    else:
        show(f"Version {published['configuration_version']} is active.")


async def _publish_draft(
    http: httpx.AsyncClient, file: str, draft: Json, etag: str, why: str, show: Show
) -> Json:
    if draft["faults"]:
        raise NotAppliedError("\n".join(_fault(file, fault) for fault in draft["faults"]))
    path = f"/drafts/{draft['draft_id']}"
    difference = _taken(await http.get(f"{path}/difference"))["differences"]
    for line in difference or ["only comments or the layout of the text"]:
        show(f"  {line}")
    return _taken(await http.post(f"{path}/publish", headers={"If-Match": etag}, json={"why": why}))


async def _draft(
    http: httpx.AsyncClient, file: str, source: str, why: str, active_version: int
) -> tuple[Json, str]:
    """A draft with this source, and its ETag: the one that routing made of the file at its start, or a new one."""
    body = {"name": f"File {Path(file).name}", "why": why, "source": source}
    for line in _taken(await http.get("/drafts"))["items"]:
        if (line["state"], line["name"], line["changed_by"]) == ("draft", body["name"], FILE_AUTHOR):
            answer = await http.put(
                f"/drafts/{line['draft_id']}",
                headers={"If-Match": f'"{line["revision"]}"'},
                json=body | {"base_version": active_version},
            )
            break
    else:
        answer = await http.post("/drafts", json=body)
    return _taken(answer), answer.headers["ETag"]


async def _waiting(http: httpx.AsyncClient, source: str) -> Json | None:
    """The publication of this source that is still to become active."""
    for publication in _taken(await http.get("/publications"))["items"]:
        if publication["state"] in TO_COME:
            draft = _taken(await http.get(f"/drafts/{publication['draft_id']}"))
            if draft["source"] == source:
                return publication
    return None


def _waits_for(publication: Json) -> str:
    what = (
        "waits for a second person"
        if publication["state"] == "waiting"
        else f"begins at {publication['begins_at']}"
    )
    path = f"/publications/{publication['publication_id']}"
    return f"The publication {publication['publication_id']} {what}: POST {path}/approve or /end."


def _fault(file: str, fault: Json) -> str:
    return f"{file}:{fault['line']}:{fault['column']}: {fault['pointer']}: {fault['detail']}"


def _taken(answer: httpx.Response) -> Json:
    """The answer of a request that succeeded. Raises NotAppliedError with the reasons of one that did not."""
    body: Json = answer.json()
    if answer.is_success:
        return body
    places = [f"  {place['detail']}" for place in body.get("errors") or ()]
    since = [f"  since then: {line}" for line in body.get("changed_since") or ()]
    raise NotAppliedError("\n".join([body.get("detail") or body["title"], *places, *since]))
