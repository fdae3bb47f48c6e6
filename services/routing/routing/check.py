"""For who writes rules: `python -m routing.check FILE` tells what is wrong with an organisation's file, and what is odd.

Prints `file:line:column: …`, one a line; exits with 1 when the file could not be loaded.
"""

import sys
from pathlib import Path

from antiphon.organisation.document import ConfigurationError, Document
from routing.domain.configuration.document import read
from routing.domain.rules import reachability


def check(path: Path) -> tuple[list[str], bool]:
    """What there is to say about a file, and whether it can be loaded. Raises OSError when it can't be read."""
    source = path.read_text(encoding="utf-8")
    try:
        found = read(source, str(path))
    except ConfigurationError as error:
        return str(error).splitlines(), False
    told = [
        f"{path}:{w.line}:{w.column}: warning: {'rules' if w.rule is None else repr(w.rule)}: {w.message}"
        for w in reachability.warnings(Document(source), found.rules)
    ]
    return told, True


def main(arguments: list[str]) -> int:
    """Runs the command."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m routing.check FILE\n")
        return 2
    try:
        told, usable = check(Path(arguments[0]))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in told)
    return 0 if usable else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
