"""An operations user on the morning drafts a rule, tries it on recorded decisions, publishes it and restores the version before."""

from datetime import timedelta
from typing import Any

import httpx
import yaml
from rich.console import Console

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.morning.customers import pause_before
from deploy.stack import Stack

Json = dict[str, Any]
PATIENCE = timedelta(seconds=60)
NAME = "Money matters are taken at the front desk"
RULE: Json = {
    "name": NAME,
    "when": '"payment" in interaction.topics || "pensioner-rebate" in interaction.topics',
    "then": {"queue": "front-desk", "priority": 50},
}


async def tune(stack: Stack, console: Console) -> bool:
    """Drafts, tries, publishes and takes back a rule through the API. True when every step succeeded."""
    headers = {"Authorization": f"Bearer {stack.token(Role.OPERATIONS, 'Olga')}"}
    async with httpx.AsyncClient(base_url=stack.url("routing"), headers=headers, timeout=30) as http:
        live = await _call(http, "GET", "/configuration")
        configuration: Json = yaml.safe_load(live["source"])
        configuration["rules"] = [RULE, *configuration["rules"]]
        source = yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True)
        request = {"name": NAME, "why": "Bruno answers them anyway", "source": source}
        draft = await _call(http, "POST", "/drafts", request)
        draft_id, tag = draft["draft_id"], f'"{draft["revision"]}"'
        difference = await _call(http, "GET", f"/drafts/{draft_id}/difference")
        console.print(f"\nOlga drafts a rule: {'; '.join(difference['differences'])}")
        trial = await _call(http, "POST", f"/drafts/{draft_id}/trial", {"last": 1000})
        deadline = utc_now() + PATIENCE
        while trial["state"] in {"asked", "running"} and await pause_before(deadline):
            trial = await _call(http, "GET", f"/trials/{trial['trial_id']}")
        if trial["state"] != "done":
            console.print(
                f"[red]✗[/red] the trial is {trial['state']}: "
                f"{trial['failure'] or f'it did not end within {PATIENCE.seconds} s; make logs SERVICE=routing shows why'}"
            )
            return False
        _show(trial["result"], console)
        publication = {"why": "Tried on this morning", "trial_id": trial["trial_id"]}
        published = await _call(http, "POST", f"/drafts/{draft_id}/publish", publication, tag)
        back = await _call(
            http,
            "POST",
            "/configuration/back",
            {"why": "It was an example"},
            f'"{published["configuration_version"]}"',
        )
        console.print(
            f"  published as version {published['configuration_version']}, and taken back: version {back['configuration_version']} says again what "
            f"version {back['restores']} said"
        )
    return True


def _show(result: Json, console: Console) -> None:
    console.print(
        f"  tried on the last {result['decisions']} decisions: {result['changed']} would be different"
    )
    for move in result["from_to"]:
        console.print(f"    {move['items']} would go to {move['to_queue']} instead of {move['from_queue']}")
    for queue in result["load"]:
        if queue["before"] != queue["after"]:
            console.print(
                f"    {queue['queue']}: {queue['before']} → {queue['after']} items, "
                f"{queue['on_shift']} of {queue['agents']} agents on shift"
            )
    missed = result["first_response"]
    console.print(f"    first-response targets missed: {missed['missed_before']} → {missed['missed_after']}")


async def _call(
    http: httpx.AsyncClient, verb: str, path: str, body: Json | None = None, etag: str | None = None
) -> Json:
    response = await http.request(verb, path, json=body, headers={"If-Match": etag} if etag else None)
    response.raise_for_status()
    payload: Json = response.json()
    return payload
