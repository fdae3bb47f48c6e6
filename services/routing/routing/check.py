"""Checks an organisation's file for the people who write rules: `python -m routing.check FILE`.

Prints each fault and each warning as one line, `file:line:column: …`, and last `no faults` when there are none. Exits with 1
when the file has faults.
"""

import sys
from pathlib import Path

from antiphon.organisation.document import ConfigurationError, Document
from routing.domain.configuration.document import read
from routing.domain.rules import reachability


def check(path: Path) -> tuple[list[str], bool]:
    """Returns the faults or warnings of a file, one a line, and whether it can be loaded. Raises OSError and UnicodeDecodeError when it can't be read."""
    source = path.read_text(encoding="utf-8")
    try:
        configuration = read(source, str(path))
    except ConfigurationError as error:
        return str(error).splitlines(), False
    warnings = [
        f"{path}:{w.line}:{w.column}: warning: {'rules' if w.rule is None else repr(w.rule)}: {w.message}"
        for w in reachability.warnings(Document(source), configuration.rules)
    ]
    return warnings, True


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code: 0, 1 for a file with faults, 2 for wrong usage or a file that can't be read."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m routing.check FILE\n")
        return 2
    try:
        lines, is_loadable = check(Path(arguments[0]))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in lines)
    if is_loadable:
        sys.stdout.write(f"{arguments[0]}: no faults\n")
    return 0 if is_loadable else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
