"""What the events of a batch do to cases: interactions, outcomes of replies, and routing's work."""
