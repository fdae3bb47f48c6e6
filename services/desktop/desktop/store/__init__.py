"""The tables of the desktop's back end, and their queries."""

from desktop.store import api_keys, sessions
from desktop.store.base import METADATA

__all__ = ["METADATA", "api_keys", "sessions"]
