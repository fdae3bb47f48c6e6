"""Transactions that waited for each other: PostgreSQL ends one of them, and says so in its log."""

from pathlib import Path

from deploy.stack import Stack

SAID = b"deadlock detected"


def place(stack: Stack) -> int:
    """Where the log ends now."""
    return _log(stack).stat().st_size


def since(stack: Stack, where: int) -> int:
    """How many there were after a place in the log."""
    with _log(stack).open("rb") as log:
        log.seek(where)
        return log.read().count(SAID)


def _log(stack: Stack) -> Path:
    return stack.site.logs / "postgres.log"
