"""schemathesis with all its checks against every API, in every role.

What is turned off, for which route and why, is in schemathesis.toml.
"""

import asyncio
import re
import sys
from pathlib import Path

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from tests.fuzz.report import Tried
from tests.fuzz.run import Run

PART = "apis"
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
AT_ONCE = 2
# Reading the document alone takes schemathesis some of them.
LEAST_S = 10
# Each role with somebody of the example organisation, the one that may most first.
WHO = {
    Role.SUPERVISOR: "looker",
    Role.AGENT: "hugo",
    Role.OPERATIONS: "ops",
    Role.MANAGER: "maria",
    Role.INTEGRATION: "web-form",
}
_GENERATED = re.compile(r"(\d[\d,]*) generated")


def command(url: str, token: str, seed: int, *more: str) -> list[str]:
    """The program with all checks but those that the configuration turns off for a route. Live streams never end, so their routes are left out: `tokens` opens them."""
    return [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIGURATION), "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--exclude-path-regex", "changes$", "--workers", "1",
        "--seed", str(seed), "--request-timeout", "20", "--no-color", "--continue-on-failure", "--generation-database", "none", *more,
    ]  # fmt: skip


async def attack(run: Run) -> list[Tried]:
    """Two at once; the time is shared out among those that remain."""
    roles = [Role.SUPERVISOR] if run.quick else list(WHO)
    waiting = [(role, service) for role in roles for service in SERVICES]
    rows: list[Tried] = []

    async def hand() -> None:
        while waiting and run.left() > 0:
            share = max(LEAST_S, int(run.left() * AT_ONCE / (len(waiting) + AT_ONCE - 1)))
            role, service = waiting.pop(0)
            rows.append(await _one(run, service, role, share))

    await asyncio.gather(*(hand() for _ in range(AT_ONCE)))
    rows += [
        Tried(PART, f"{service} as {role}, all checks", note="not tried for want of time")
        for role, service in waiting
    ]
    return sorted(rows, key=lambda row: row.what)


async def _one(run: Run, service: str, role: Role, seconds: int) -> Tried:
    row = Tried(PART, f"{service} as {role}, all checks")
    folder = run.stack.site.directory / "schemathesis" / f"{service}-{role}"
    folder.mkdir(parents=True, exist_ok=True)
    url, token = run.stack.url(service), run.stack.token(role, WHO[role])
    phases = "examples,coverage,fuzzing" if run.quick else "examples,coverage,fuzzing,stateful"
    program = await asyncio.create_subprocess_exec(
        *command(url, token, run.seed, "--phases", phases, "--max-time", str(seconds), "--report", "ndjson"),
        "--report-ndjson-path", str(folder / "events.ndjson"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds * 2 + 60):
            output, _ = await program.communicate()
    except TimeoutError:
        program.kill()
        await program.wait()
        row.found.append(f"schemathesis did not end within {seconds * 2 + 60} s")
        return row
    told = without_tokens(output.decode(errors="replace"))
    (folder / "told.txt").write_text(told)
    row.count = sum(int(count.replace(",", "")) for count in _GENERATED.findall(told))
    if not row.count:
        row.note = "not one request in its time: give it MINUTES"
    if program.returncode:
        row.found += failures(told) or [told[-500:]]
    run.tell(f"  {row.what}: {row.count:,} in {seconds} s, {len(row.found)} found")
    return row


def without_tokens(told: str) -> str:
    """What the program says, fit for a log."""
    return re.sub(r"Bearer [\w.-]+", "Bearer …", told)


def failures(told: str) -> list[str]:
    """Each failure that schemathesis tells of: the route, the check, and how to repeat it."""
    _, _, rest = told.partition(" FAILURES ")
    found = [" ".join(block.split()) for block in re.split(r"(?m)^_{3,} (.+?) _{3,}$", rest)[1:]]
    return [f"{route}: {detail}" for route, detail in zip(found[::2], found[1::2], strict=False)]
