"""Counts deadlocks, which PostgreSQL resolves by ending a transaction, and writes to its log."""

from pathlib import Path

from deploy.stack import Stack

LOG_TEXT = b"deadlock detected"


def log_size(stack: Stack) -> int:
    """The size of PostgreSQL's log now."""
    return _log(stack).stat().st_size


def since(stack: Stack, offset: int) -> int:
    """The number of deadlocks in the log after `offset`."""
    with _log(stack).open("rb") as log:
        log.seek(offset)
        return log.read().count(LOG_TEXT)


def _log(stack: Stack) -> Path:
    return stack.site.logs / "postgres.log"
