"""Tables and set-based queries of ingest-social, one file a noun. `METADATA` has every table."""

from ingest_social.store import attachments, cursors, posts, quarantined
from ingest_social.store.base import METADATA

__all__ = ["METADATA", "attachments", "cursors", "posts", "quarantined"]
