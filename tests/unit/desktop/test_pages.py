"""The parts of the pages that need no browser, in Node; and that their types are those of the APIs."""

import subprocess
from pathlib import Path

from deploy import openapi_documents
from deploy.openapi_documents import WEB


def test_the_parts_of_the_pages_that_need_no_browser_pass_their_tests() -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", "unit"], cwd=WEB, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_of_the_pages_are_those_of_the_apis(tmp_path: Path) -> None:
    openapi_documents.write(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {name: (WEB / "src" / "api" / name).read_text() for name in made}
    assert {name for name in made if made[name] != kept[name]} == set(), "make api-types writes them"
