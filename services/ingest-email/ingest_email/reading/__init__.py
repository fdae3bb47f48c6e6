"""Reads mails in worker processes, so that no mail uses more CPU time or memory than its limits."""
