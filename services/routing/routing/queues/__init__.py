"""Queues as they are now: whether they give out work, how much waits, and whether more than usual comes."""
