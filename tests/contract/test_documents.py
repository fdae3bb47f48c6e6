"""Documents name only tests, files and faults that exist."""

import re
from pathlib import Path

import pytest

from deploy.site import PROJECT
from tests.faults.catalogue import names
from tests.fuzz.__main__ import PARTS

DOCUMENTS = sorted(
    str(path.relative_to(PROJECT)) for path in (*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"))
)
PLACES = "tests|services|shared|deploy|docs"
FILE = re.compile(rf"`((?:{PLACES})/[\w./-]+)(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
STAND = re.compile(r"`(faults|fuzz):([\w-]+)`")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def missing(text: str, folder: Path) -> list[str]:
    """The links, files, tests and faults that a document in `folder` names and that do not exist."""
    text = CODE.sub("", text)
    absent = [link for link in LINK.findall(text) if not (folder / link).exists()]
    for path, test in FILE.findall(text):
        file = PROJECT / path
        if not file.exists():
            absent.append(path)
        elif test and not re.search(rf"^(?:async )?def {test}\(", file.read_text(), re.MULTILINE):
            absent.append(f"{path}::{test}")
    stands = {
        "faults": names(),
        "fuzz": {part.name for part in PARTS},
    }
    return [*absent, *(f"{stand}:{name}" for stand, name in STAND.findall(text) if name not in stands[stand])]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_what_exists(document: str) -> None:
    path = PROJECT / document
    assert missing(path.read_text(), path.parent) == []


def test_a_document_that_names_what_does_not_exist_is_found() -> None:
    text = (
        "`tests/contract/test_documents.py::test_a_document_names_only_what_exists` `tests/contract/test_documents.py::test_gone` "
        "[a](architecture.md) [b](gone.md#there) `services/gone` `faults:kill-gone` `fuzz:gone` `faults:kill-kafka`"
    )
    assert missing(text, PROJECT / "docs") == [
        "gone.md",
        "tests/contract/test_documents.py::test_gone",
        "services/gone",
        "faults:kill-gone",
        "fuzz:gone",
    ]
