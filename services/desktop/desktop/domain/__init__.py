"""Decisions of the desktop's back end. Pure."""
