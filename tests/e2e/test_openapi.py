"""Each API answers every request as its OpenAPI document says, and never with a server error."""

import asyncio
from pathlib import Path

import pytest

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from deploy.stack import Stack
from tests.fuzz import apis


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES)
async def test_schemathesis_finds_nothing_wrong(stack: Stack, service: str, tmp_path: Path) -> None:
    # All roles at once: schemathesis needs most of the time to generate requests. Another test checks what each role may do.
    phases = {
        Role.SUPERVISOR: "examples,coverage,fuzzing",
        Role.OPERATIONS: "examples,coverage,fuzzing",
        Role.AGENT: "examples,fuzzing",
    }
    outputs = await asyncio.gather(
        *(_failures(stack, service, role, names, tmp_path) for role, names in phases.items())
    )
    for output in outputs:
        assert not output, output[-20000:]


async def _failures(stack: Stack, service: str, role: Role, phases: str, folder: Path) -> str:
    """The output of schemathesis when it finds a failure; empty when it finds none."""
    token = stack.token(role, apis.WHO[role])
    more = ("--phases", phases, "--max-examples", "3")
    program = await asyncio.create_subprocess_exec(
        *apis.command(stack.url(service), token, 7, *more),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        async with asyncio.timeout(580):
            output, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    return apis.without_tokens(output.decode(errors="replace")) if program.returncode else ""
