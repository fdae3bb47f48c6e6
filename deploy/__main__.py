"""The commands that `make` calls: up, down, status, run, logs, token, apply, clean, dead-letters."""

import argparse
import asyncio
import getpass
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from antiphon.process.clock import utc_now
from deploy import apply, dead_letters, leftovers, sign_in, status, tokens
from deploy.morning.play import play
from deploy.processes import StartError
from deploy.site import EMPTY, Site
from deploy.stack import Stack

CONSOLE = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
ERRORS = Console(highlight=False, stderr=True, soft_wrap=True)


def main() -> int:
    """Runs one command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="deploy", description="Run Antiphon on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything, play the example morning, stay up until Ctrl-C")
    up = commands.add_parser("up", help="start everything in the background")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="show what runs, and whether the counts agree")
    follow = commands.add_parser("logs", help="follow the logs")
    follow.add_argument("service", nargs="?", help="follow the log of this service only")
    token = commands.add_parser("token", help="print a token to try the APIs with")
    token.add_argument("--role", default="")
    token.add_argument("--name", default="", help="of an agent: the agent's id in the organisation")
    publish = commands.add_parser("apply", help="publish an organisation's file")
    publish.add_argument("--file", required=True, type=_given)
    publish.add_argument("--reason", required=True, type=_given, help="why it is published")
    publish.add_argument(
        "--name", default=getpass.getuser(), help="who publishes it; your login name by default"
    )
    letters = commands.add_parser(
        "dead-letters", help="list or replay events that a service could not handle or send"
    )
    letters.add_argument("--replay", help="`all`, SERVICE:ID or SERVICE:parked:ID")
    commands.add_parser("clean", help="stop everything and delete its data")
    supervise = commands.add_parser("supervise", help=argparse.SUPPRESS)
    for starts in (run, up, supervise):
        starts.add_argument("--empty", action="store_true", help="without the example: the desktop asks")
    arguments = parser.parse_args()
    site = Site.default()
    empty: bool = getattr(arguments, "empty", False)
    if empty:
        site = replace(site, organisation=EMPTY)
    actions: dict[str, Callable[[], int]] = {
        "run": lambda: _run(site, morning=not empty),
        "supervise": lambda: _run(site, morning=False),
        "up": lambda: _up(site),
        "down": lambda: _down(site),
        "status": lambda: status.show(site.as_started(), CONSOLE, supervised=running(site) is not None),
        "logs": lambda: _logs(site, arguments.service),
        "token": lambda: tokens.issue(site.as_started(), arguments.role, arguments.name, utc_now()),
        "apply": lambda: apply.run(
            site.as_started(), Path(arguments.file), arguments.reason, arguments.name, print
        ),
        "dead-letters": lambda: dead_letters.run(site.as_started(), arguments.replay),
        "clean": lambda: _clean(site),
    }
    try:
        return actions[arguments.command]()
    except StartError as error:
        ERRORS.print(f"[red]✗[/red] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        return 130


def _given(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError(
            "must not be empty: make apply FILE=council.yaml REASON='Why it changes'"
        )
    return value


def _pid_file(site: Site) -> Path:
    return site.directory / "supervisor.pid"


def running(site: Site) -> int | None:
    """The pid of the supervisor; None when none runs."""
    try:
        pid = int(_pid_file(site).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"deploy" in command else None


def _run(site: Site, *, morning: bool) -> int:
    if pid := running(site):
        raise StartError(f"Antiphon already runs (pid {pid}). make status shows it, make down stops it")
    site.directory.mkdir(parents=True, exist_ok=True)
    leftovers.end(site, CONSOLE.print)
    _pid_file(site).write_text(str(os.getpid()))
    for number in (signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, _interrupt)
    site.ports_file.write_text(site.ports.model_dump_json())
    stack = Stack(site, lambda line: CONSOLE.print(f"[green]✓[/green] {escape(line)}"), desktop=True)
    try:
        stack.start()
        stack.write_state()
        if morning:
            CONSOLE.print()
            _print_pages(site)
            CONSOLE.print("Sign in now to see the example morning as it happens.\n")
            complete = asyncio.run(play(stack, CONSOLE))
            CONSOLE.print()
            if not complete:
                CONSOLE.print(
                    "[yellow]Not every step of the morning was completed. make status and make logs show why.[/yellow]"
                )
        _print_addresses(site)
        while True:
            time.sleep(1)
            stack.restart_dead(lambda line: CONSOLE.print(f"[yellow]![/yellow] {escape(line)}"))
            stack.write_state()
    except KeyboardInterrupt:
        CONSOLE.print("\nStopping, in order …")
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C does not interrupt the stopping
        stack.stop()
        site.ports_file.unlink(missing_ok=True)
        _pid_file(site).unlink(missing_ok=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print_pages(site: Site) -> None:
    CONSOLE.print(f"[bold]Antiphon is up:[/bold] {site.pages}    Nobody needs a password. Who may sign in:")
    for line in sign_in.who_may(site):
        CONSOLE.print(f"  {line}")


def _print_addresses(site: Site) -> None:
    _print_pages(site)
    CONSOLE.print(f"All APIs, with their documentation: {site.pages}/api/docs    For programs: {site.apis}")
    CONSOLE.print(f"  SMTP for mail of customers: 127.0.0.1:{site.ports.smtp}")
    CONSOLE.print(
        "A token: make -s token ROLE=agent NAME=amara     Status: make status     Stop: Ctrl-C or make down"
    )


def _up(site: Site) -> int:
    if pid := running(site):
        CONSOLE.print(f"Antiphon already runs (pid {pid}).")
        return 0
    site.logs.mkdir(parents=True, exist_ok=True)
    log = site.logs / "supervisor.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy", "supervise", *(["--empty"] if site.organisation == EMPTY else [])],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    shown = 0
    while True:
        lines = log.read_text(errors="replace").splitlines()
        for line in lines[shown:]:
            print(line, flush=True)
        shown = len(lines)
        if any(line.startswith("A token:") for line in lines):
            return 0
        if child.poll() is not None:
            return child.returncode or 1
        time.sleep(0.2)


def _down(site: Site) -> int:
    pid = running(site)
    if pid is None:
        ended = leftovers.end(site, CONSOLE.print)
        CONSOLE.print("Stopped." if ended else "Nothing runs.")
        return 0
    os.kill(pid, signal.SIGTERM)
    while running(site) == pid:
        time.sleep(0.1)
    CONSOLE.print("Stopped.")
    return 0


def _logs(site: Site, service: str | None) -> int:
    files = sorted(site.logs.glob(f"{service or '*'}.log"))
    if not files:
        raise StartError(
            f"there is no log of {service or 'any service'} in {site.logs}; make up starts the services"
        )
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])  # noqa: S606 - this process becomes tail


def _clean(site: Site) -> int:
    _down(site)
    for part in ("postgres", "kafka", "pds", "logs", "secrets", "processes.json", "ports.json"):
        path = site.directory / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    CONSOLE.print("Data, logs and secrets are deleted. Installed packages stay.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
