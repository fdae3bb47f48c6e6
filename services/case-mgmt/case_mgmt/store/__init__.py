"""Tables and set-based queries of case-mgmt, one file a noun."""

from case_mgmt.store import (
    acknowledgements,
    base,
    cases,
    changes,
    counts,
    here,
    interactions,
    locks,
    record,
    replies,
    threading,
    work,
)
from case_mgmt.store.base import METADATA

__all__ = [
    "METADATA",
    "acknowledgements",
    "base",
    "cases",
    "changes",
    "counts",
    "here",
    "interactions",
    "locks",
    "record",
    "replies",
    "threading",
    "work",
]
