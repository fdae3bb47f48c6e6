"""What became of the promises: the ledgers of the service clocks that were paused, warned of a breach, or broken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console

from antiphon.access.roles import Role
from deploy.morning.desk import Answered
from deploy.stack import Stack

Json = dict[str, Any]
TELLING = {"paused", "warned", "breached"}


async def show(stack: Stack, answered: Sequence[Answered], zone: ZoneInfo, console: Console) -> None:
    """A line for each clock that has something to tell."""
    headers = {"Authorization": f"Bearer {stack.token(Role.SUPERVISOR, 'morning')}"}
    cases = dict(sorted((a.case, a.case_id) for a in answered))
    console.print("\nPromises that were broken, or stood still while the customer was awaited:")
    async with httpx.AsyncClient(base_url=stack.url("routing"), headers=headers, timeout=30) as http:
        for case, case_id in cases.items():
            answer = await http.get(f"/cases/{case_id}/clocks")
            answer.raise_for_status()
            for clock in answer.json()["items"]:
                if TELLING & {line["kind"] for line in clock["ledger"]}:
                    told = " → ".join(_words(line, zone) for line in clock["ledger"])
                    console.print(f"  {case} {clock['target']}: {told}")


def _words(line: Json, zone: ZoneInfo) -> str:
    at = datetime.fromisoformat(line["at"]).astimezone(zone).strftime("%H:%M:%S")
    percent = f" at {line['percent']} %" if line["percent"] is not None else ""
    cause = f" ({line['cause']})" if line["kind"] in {"paused", "resumed"} else ""
    return f"{line['kind']}{percent} {at}{cause}"
