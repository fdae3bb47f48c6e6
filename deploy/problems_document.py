"""Writes `docs/problems.md` from the kinds of problems: `make problems`."""

from antiphon.http.problem_kinds import document
from deploy.site import PROJECT

DOCUMENT = PROJECT / "docs" / "problems.md"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
