"""Documents name tests, files and faults that are there."""

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
    """What a document in `folder` names and is not there."""
    text = CODE.sub("", text)
    gone = [link for link in LINK.findall(text) if not (folder / link).exists()]
    for path, test in FILE.findall(text):
        file = PROJECT / path
        if not file.exists():
            gone.append(path)
        elif test and not re.search(rf"^(?:async )?def {test}\(", file.read_text(), re.MULTILINE):
            gone.append(f"{path}::{test}")
    stands = {
        "faults": names(),
        "fuzz": {part.name for part in PARTS},
    }
    return [*gone, *(f"{stand}:{name}" for stand, name in STAND.findall(text) if name not in stands[stand])]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    path = PROJECT / document
    assert missing(path.read_text(), path.parent) == []


def test_a_document_that_names_what_is_gone_is_found() -> None:
    text = (
        "`tests/contract/test_documents.py::test_what_a_document_names_is_there` `tests/contract/test_documents.py::test_gone` "
        "[a](architecture.md) [b](gone.md#there) `services/gone` `faults:kill-gone` `fuzz:gone` `faults:kill-kafka`"
    )
    assert missing(text, PROJECT / "docs") == [
        "gone.md",
        "tests/contract/test_documents.py::test_gone",
        "services/gone",
        "faults:kill-gone",
        "fuzz:gone",
    ]
