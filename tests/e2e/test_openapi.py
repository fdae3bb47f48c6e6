"""Each API answers whatever is sent as its OpenAPI document says, and never with a fault of ours."""

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
    # The roles at once: most of the time goes into thinking out what to send. Whether a role may, another test asks.
    phases = {
        Role.SUPERVISOR: "examples,coverage,fuzzing",
        Role.OPERATIONS: "examples,coverage,fuzzing",
        Role.AGENT: "examples,fuzzing",
    }
    found = await asyncio.gather(
        *(_told(stack, service, role, how, tmp_path) for role, how in phases.items())
    )
    for told in found:
        assert not told, told[-20000:]


async def _told(stack: Stack, service: str, role: Role, phases: str, folder: Path) -> str:
    """What schemathesis says when it finds something; nothing when it does not."""
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
