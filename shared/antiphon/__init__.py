"""Event contracts and the plumbing that every Antiphon service stands on."""
