"""The tables of the desktop's back end, and their queries."""

from desktop.store import sessions
from desktop.store.base import METADATA

__all__ = ["METADATA", "sessions"]
