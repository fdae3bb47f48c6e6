"""Runs schemathesis with all its checks against every API, in every role.

schemathesis.toml turns checks off for some routes, each with its reason.
"""

import asyncio
import re
import sys
from pathlib import Path

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run

PART = "apis"
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
AT_ONCE = 2
# schemathesis needs some of these seconds to read the OpenAPI document.
LEAST_S = 10
# A person for each role, the role with the most rights first.
WHO = {
    Role.SUPERVISOR: "looker",
    Role.AGENT: "hugo",
    Role.OPERATIONS: "ops",
    Role.MANAGER: "maria",
    Role.INTEGRATION: "web-form",
    Role.ADMINISTRATOR: "adam",
}
_GENERATED = re.compile(r"(\d[\d,]*) generated")


def command(url: str, token: str, seed: int, *more: str) -> list[str]:
    """The command line of schemathesis. It excludes the routes of live streams, which never end; `tokens` opens those."""
    return [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIGURATION), "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--exclude-path-regex", "changes$", "--workers", "1",
        "--seed", str(seed), "--request-timeout", "20", "--no-color", "--continue-on-failure", "--generation-database", "none", *more,
    ]  # fmt: skip


async def attack(run: Run) -> list[AttackResult]:
    """Runs two at once; each gets its share of the remaining time."""
    roles = [Role.SUPERVISOR] if run.quick else list(WHO)
    waiting = [(role, service) for role in roles for service in SERVICES]
    rows: list[AttackResult] = []

    async def worker() -> None:
        while waiting and run.left() > 0:
            share = max(LEAST_S, int(run.left() * AT_ONCE / (len(waiting) + AT_ONCE - 1)))
            role, service = waiting.pop(0)
            rows.append(await _one(run, service, role, share))

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    rows += [
        AttackResult(PART, f"{service} as {role}, all checks", note="not tried: no time left")
        for role, service in waiting
    ]
    return sorted(rows, key=lambda row: row.what)


async def _one(run: Run, service: str, role: Role, seconds: int) -> AttackResult:
    row = AttackResult(PART, f"{service} as {role}, all checks")
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
        row.findings.append(f"schemathesis did not end within {seconds * 2 + 60} s")
        return row
    text = without_tokens(output.decode(errors="replace"))
    (folder / "output.txt").write_text(text)
    row.count = sum(int(count.replace(",", "")) for count in _GENERATED.findall(text))
    if not row.count:
        row.note = "no request was sent in the time: set MINUTES higher"
    if program.returncode:
        row.findings += failures(text) or [text[-500:]]
    run.report(f"  {row.what}: {row.count:,} in {seconds} s, {len(row.findings)} findings")
    return row


def without_tokens(output: str) -> str:
    """The output of schemathesis without tokens."""
    return re.sub(r"Bearer [\w.-]+", "Bearer …", output)


def failures(output: str) -> list[str]:
    """The failures in the output of schemathesis: the route, the check, and how to repeat it."""
    _, _, rest = output.partition(" FAILURES ")
    blocks = [" ".join(block.split()) for block in re.split(r"(?m)^_{3,} (.+?) _{3,}$", rest)[1:]]
    return [f"{route}: {detail}" for route, detail in zip(blocks[::2], blocks[1::2], strict=False)]
