"""The revisions of the desktop's database."""
