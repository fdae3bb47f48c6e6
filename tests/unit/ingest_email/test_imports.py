"""What the processes of ingest-email load: the parsers of HTML are in the workers' memory only."""

import subprocess
import sys

import pytest

PARSERS = ("nh3", "lxml", "inscriptis")


@pytest.mark.parametrize(
    ("program", "loaded"), [("ingest_email.__main__", []), ("ingest_email.reading.worker", list(PARSERS))]
)
def test_only_the_workers_load_the_parsers_of_html(program: str, loaded: list[str]) -> None:
    code = f"import sys, {program}; print(*(name for name in {PARSERS} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == loaded
