"""Shows the SLA clocks of the morning that were paused, warned of a breach, or breached."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console

from antiphon.access.roles import Role
from deploy.morning.agents import Answered
from deploy.stack import Stack

Json = dict[str, Any]
SHOWN = {"paused", "warned", "breached"}


async def show(stack: Stack, answered: Sequence[Answered], zone: ZoneInfo, console: Console) -> None:
    """Prints the ledger of each clock that has one of the `SHOWN` entries, one entry a clock."""
    headers = {"Authorization": f"Bearer {stack.token(Role.SUPERVISOR, 'morning')}"}
    cases = dict(sorted((a.case, a.case_id) for a in answered))
    console.print("\nSLA clocks that were breached, or paused while the agent waited for the customer:")
    async with httpx.AsyncClient(base_url=stack.url("routing"), headers=headers, timeout=30) as http:
        for case, case_id in cases.items():
            answer = await http.get(f"/cases/{case_id}/clocks")
            answer.raise_for_status()
            for clock in answer.json()["items"]:
                if SHOWN & {entry["kind"] for entry in clock["ledger"]}:
                    history = " → ".join(_in_words(entry, zone) for entry in clock["ledger"])
                    console.print(f"  {case} {clock['target']}: {history}")


def _in_words(entry: Json, zone: ZoneInfo) -> str:
    at = datetime.fromisoformat(entry["at"]).astimezone(zone).strftime("%H:%M:%S")
    percent = f" at {entry['percent']} %" if entry["percent"] is not None else ""
    cause = f" ({entry['cause']})" if entry["kind"] in {"paused", "resumed"} else ""
    return f"{entry['kind']}{percent} {at}{cause}"
