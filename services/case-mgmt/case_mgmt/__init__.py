"""Threads interactions into cases, keeps the full record, requests replies."""
