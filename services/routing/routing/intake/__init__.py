"""The intake: what events of cases and replies do to work."""
