"""Revisions of this service's database."""
