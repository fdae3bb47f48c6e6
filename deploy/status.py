"""`make status`: which processes run, how far each is behind, and by which configuration each works.

And whether every received message is accounted for.
"""

import json
import time
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from antiphon.service_names import SERVICES
from deploy import keys, leftovers
from deploy.accounting import Reading, Verdict, differences, in_transit, judge
from deploy.site import Site

Json = dict[str, Any]
# The columns of the narrowest terminal that shows every line whole.
WIDTH = 100
_LAG, _OUTBOX = "antiphon_consumer_lag_records", "antiphon_outbox_oldest_seconds"


def counts(site: Site) -> dict[str, Json]:
    """The answer of `GET /counts` by service, without the services that do not answer."""
    token = keys.token(site.secrets, role=Role.OPERATIONS, name="status", now=utc_now(), issuer=site.issuer)
    found: dict[str, Json] = {}
    for service in SERVICES:
        try:
            answer = httpx.get(
                f"{site.url(service)}/counts", headers={"Authorization": f"Bearer {token}"}, timeout=10
            )
            if answer.is_success:
                found[service] = answer.json()
        except httpx.HTTPError:
            continue
    return found


def metrics(site: Site, service: str) -> dict[str, float]:
    """The metrics of a service by name, summed over their labels. Empty when the service does not answer."""
    sums: dict[str, float] = {}
    try:
        text = httpx.get(f"{site.url(service)}/metrics", timeout=10).text
    except httpx.HTTPError:
        return sums
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            key = name.partition("{")[0]
            sums[key] = sums.get(key, 0.0) + float(value)
    return sums


def active_version(site: Site, service: str) -> int | None:
    """The version of the organisation's document that is active in a service; None when it is not ready."""
    try:
        answer = httpx.get(f"{site.url(service)}/readyz", timeout=10)
    except httpx.HTTPError:
        return None
    return answer.json()["configuration_version"] if answer.is_success else None


def differing(versions: dict[str, int]) -> str | None:
    """That services work by different versions, and which; None when they do not."""
    if len(set(versions.values())) < 2:
        return None
    by_version = {number: [s for s, v in versions.items() if v == number] for number in versions.values()}
    parts = (f"{number}: {', '.join(services)}" for number, services in sorted(by_version.items()))
    return f"Services work by different versions of the configuration ({'; '.join(parts)})."


def read(site: Site) -> tuple[dict[str, Json], Reading]:
    """The counts of all services, and what they show with the events that are on their way."""
    found = counts(site)
    in_flight = 0
    for service in SERVICES:
        m = metrics(site, service)
        in_flight += int(m.get(_LAG, 0)) + (m.get(_OUTBOX, 0) > 0)
    return found, Reading(differences(found), in_flight)


def show(site: Site, console: Console, *, supervised: bool) -> int:
    """Prints the tables. Returns 0 when everything runs and the counts agree, else 1."""
    path = site.directory / "processes.json"
    if not path.exists():
        console.print("Nothing runs. make up starts everything.")
        return 1
    processes: dict[str, Json] = json.loads(path.read_text())
    console.width = min(console.width, WIDTH)
    table = Table(title="Processes", box=None, padding=(0, 1, 0, 0))
    for column in (
        "process", "state", "port", "up", "memory", "behind", "outbox", "parked", "dead", "failed", "config",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column in {"process", "state"} else "right", no_wrap=True)
    healthy = supervised
    others = {
        "postgres": "postgres",
        "kafka": "kafka",
        "mail-server": "world_smtp",
        "pds": "pds",
        "sign-in": "sign_in",
    }
    now = utc_now()
    versions: dict[str, int] = {}
    for name, process in processes.items():
        pid: int | None = process["pid"]
        alive = leftovers.alive(pid, process["started"])
        healthy = healthy and alive
        row = [name, "[green]running[/green]" if alive else "[red]dead[/red]"]
        row.append(str(getattr(site.ports, others[name]) if name in others else site.port(name)))
        row.append(_span(int(now.timestamp() - process["started"])) if alive else "")
        row.append(f"{_memory(pid) // 2**20} MB" if alive and pid else "")
        if name in SERVICES and alive:
            m = metrics(site, name)
            row += [
                f"{m.get(_LAG, 0):.0f}",
                f"{m.get(_OUTBOX, 0):.1f} s",
                f"{m.get('antiphon_parked_events', 0):.0f}",
                f"{m.get('antiphon_dead_letters_total', 0):.0f}",
                f"{m.get('antiphon_task_failures_total', 0):.0f}",
            ]
            version = active_version(site, name)
            if version is not None:
                versions[name] = version
            row.append("" if version is None else "file" if version == 0 else str(version))
        table.add_row(*row)
    console.print(table)
    if "desktop" in processes:
        console.print(f"The desktop: {site.pages}")
    if not supervised:
        console.print(
            "[red]The supervisor was killed[/red]: no process that dies is started again. Run make down, then make up."
        )
    if difference := differing(versions):
        console.print(
            f"[yellow]{difference}[/yellow] A service that was away follows when it has read the topic."
        )
    found, reading = read(site)
    readings = [reading]
    while (verdict := judge(readings)) is Verdict.UNCLEAR:
        time.sleep(1)
        found, reading = read(site)
        readings.append(reading)
    console.print(_counts_table(found))
    _print_verdict(console, verdict, reading)
    return 0 if healthy and verdict is not Verdict.DISAGREE else 1


def _print_verdict(console: Console, verdict: Verdict, reading: Reading) -> None:
    match verdict:
        case Verdict.AGREE:
            console.print(
                "[green]The counts agree:[/green] every delivery is an interaction, a duplicate or quarantined with a reason, "
                "and every interaction has one customer and one case."
            )
        case Verdict.IN_TRANSIT:
            console.print(f"[green]In transit: {in_transit(reading)}.[/green] All other counts agree.")
        case _:
            console.print("[red]The counts do not agree[/red], and what is on its way does not explain it:")
            for difference in reading.differences:
                console.print(f"  {difference}")


def _span(seconds: int) -> str:
    """A span in its two largest units."""
    units = (
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    place = next((place for place, (number, _) in enumerate(units) if number), len(units) - 1)
    return " ".join(f"{number} {unit}" for number, unit in units[place : place + 2])


def _memory(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _counts_table(found: dict[str, Json]) -> Table:
    table = Table(title="Counts", box=None, padding=(0, 1))
    table.add_column("service")
    table.add_column("counts")
    for service, c in found.items():
        parts = [
            f"{name.replace('_', ' ')} {_plain(value)}"
            for name, value in c.items()
            if value not in (0, {}, None)
        ]
        table.add_row(service, ", ".join(parts) or "nothing yet")
    return table


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {count}" for name, count in value.items()) + ")"
    return str(value)
