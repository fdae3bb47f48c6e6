"""Pure: what a case is, how it moves, and which case an interaction belongs to."""
