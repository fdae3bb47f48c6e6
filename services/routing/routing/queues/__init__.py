"""Queues now: which are open, how much waits in them, and in which there is a surge."""
