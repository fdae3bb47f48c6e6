"""The examples of docs/guides/api-clients.md, run in their order by one shell."""

import asyncio
import json
import re
from pathlib import Path

from antiphon.access.roles import Role
from deploy.site import PROJECT
from desktop.api.gate import Limits
from desktop.domain.rate_limits import Quota
from tests.conftest import NewDatabase
from tests.support.api_port import opened
from tests.support.routing.guides import BLOCK, find_difference

GUIDE = (PROJECT / "docs" / "guides" / "api-clients.md").read_text()
ADMINISTRATOR = "$(make -s token ROLE=administrator NAME=adam)"
ADDRESS = "http://localhost:8140"
BETWEEN = "\n=====\n"


async def outputs(commands: list[str], folder: Path) -> list[str]:
    """What each block of commands prints."""
    script = "\nprintf '\\n=====\\n'\n".join(commands)
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await shell.communicate()
    assert shell.returncode == 0, (output, errors)
    return output.decode().replace("\r", "").split(BETWEEN)


async def test_the_examples_of_the_guide_do_what_it_says(new_database: NewDatabase, tmp_path: Path) -> None:
    assert GUIDE.count(ADMINISTRATOR) == 1
    blocks = BLOCK.findall(GUIDE)
    assert [kind for kind, _ in blocks] == ["bash", "json"] * 3 + ["bash", "text"] + ["bash", "json"]
    limits = Limits(Quota("requests", 1200, 60), Quota("failures", 30, 60))
    async with opened(new_database, tmp_path, limits=limits) as port:
        commands = [
            content.replace(ADMINISTRATOR, port.token(Role.ADMINISTRATOR, "adam")).replace(
                ADDRESS, port.address
            )
            for content in (content for kind, content in blocks if kind == "bash")
        ]
        printed = await outputs(commands, tmp_path)
    for (kind, shown), output in zip(blocks[1::2], printed, strict=True):
        if kind == "json":
            difference = find_difference(json.loads(shown), json.loads(output))
            assert not difference, f"{difference}\n{output}"
        else:
            pattern = re.escape(shown.strip()).replace("…", r"\d+")
            assert re.fullmatch(pattern, output.strip(), re.IGNORECASE), output
