"""Tables and queries of ingest-email, one file a noun. `METADATA` has every table."""

from ingest_email.store import attachments, cursors, mails, replies
from ingest_email.store.base import METADATA

__all__ = ["METADATA", "attachments", "cursors", "mails", "replies"]
