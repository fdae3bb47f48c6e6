"""Each API answers whatever is sent as its OpenAPI document says, and never with a fault of ours."""

import subprocess
from pathlib import Path

import pytest

from antiphon.access import Role
from deploy.site import SERVICES
from deploy.stack import Stack
from tests.fuzz import apis


@pytest.mark.parametrize("service", SERVICES)
def test_schemathesis_finds_nothing_wrong(stack: Stack, service: str, tmp_path: Path) -> None:
    for role in (Role.SUPERVISOR, Role.AGENT, Role.OPERATIONS):
        token = stack.token(role, apis.WHO[role])
        more = ("--phases", "examples,coverage,fuzzing", "--max-examples", "6")
        done = subprocess.run(
            apis.command(stack.url(service), token, 7, *more),
            capture_output=True, text=True, check=False, timeout=240, cwd=tmp_path,
        )  # fmt: skip
        told = apis.without_tokens(done.stdout)
        assert done.returncode == 0, told[-20000:]
