"""Tables and queries of ingest-direct, one file a noun."""

from ingest_direct.store import attachments, interactions, replies
from ingest_direct.store.base import METADATA

__all__ = ["METADATA", "attachments", "interactions", "replies"]
