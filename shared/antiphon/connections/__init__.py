"""Connections to the mailboxes and accounts of the organisation: they start and stop with its document, and people see their state."""
