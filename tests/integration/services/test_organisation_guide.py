"""The examples of docs/guides/organisation.md, run in their order."""

from pathlib import Path

from deploy.site import PROJECT
from tests.conftest import NewDatabase
from tests.support.routing.api import opened_api
from tests.support.routing.guides import BLOCK, Reader

GUIDE = PROJECT / "docs" / "guides" / "organisation.md"


async def test_the_examples_of_the_guide_do_what_it_says(new_database: NewDatabase, tmp_path: Path) -> None:
    blocks = [block for block in BLOCK.findall(GUIDE.read_text()) if block[0] not in {"bash", "yaml"}]
    assert len(blocks) > 10
    async with opened_api(await new_database("routing"), tmp_path) as client:
        reader = Reader(client)
        for kind, content in blocks:
            await reader.run(kind, content)
