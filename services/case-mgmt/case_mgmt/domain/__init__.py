"""Pure: what a case is, how its status changes, and which case an interaction belongs to."""
