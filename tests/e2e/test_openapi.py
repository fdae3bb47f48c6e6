"""Each API answers whatever is sent as its OpenAPI document says, and never with a fault of ours."""

import asyncio
from pathlib import Path

import pytest

from antiphon.access import Role
from deploy.site import SERVICES
from deploy.stack import Stack
from tests.fuzz import apis


@pytest.mark.parametrize("service", SERVICES)
async def test_schemathesis_finds_nothing_wrong(stack: Stack, service: str, tmp_path: Path) -> None:
    # The roles at once: most of the time goes into thinking out what to send.
    roles = (Role.SUPERVISOR, Role.AGENT, Role.OPERATIONS)
    for told in await asyncio.gather(*(_told(stack, service, role, tmp_path) for role in roles)):
        assert not told, told[-20000:]


async def _told(stack: Stack, service: str, role: Role, folder: Path) -> str:
    """What schemathesis says when it finds something; nothing when it does not."""
    token = stack.token(role, apis.WHO[role])
    more = ("--phases", "examples,coverage,fuzzing", "--max-examples", "6")
    program = await asyncio.create_subprocess_exec(
        *apis.command(stack.url(service), token, 7, *more),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        async with asyncio.timeout(280):
            output, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    return apis.without_tokens(output.decode(errors="replace")) if program.returncode else ""
