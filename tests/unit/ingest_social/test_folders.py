"""A network is a folder: nothing outside it knows its ids or its words."""

from pathlib import Path

import pytest
import regex

import ingest_social

PACKAGE = Path(ingest_social.__file__).parent
FOLDERS = {"bluesky"}
OUTSIDE = [
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if not {*FOLDERS, "migrations"} & set(path.relative_to(PACKAGE).parts)
]
# The registry names each folder, and nothing else of it.
REGISTRY = Path("networks.py")
OF_A_NETWORK = regex.compile(r"bluesky|bsky|did:|at://|Visibility\.|InteractionKind\.", regex.IGNORECASE)


@pytest.mark.parametrize("path", sorted(set(OUTSIDE) - {REGISTRY}), ids=str)
def test_a_module_outside_the_folders_knows_nothing_of_a_network(path: Path) -> None:
    assert OF_A_NETWORK.findall((PACKAGE / path).read_text()) == []
