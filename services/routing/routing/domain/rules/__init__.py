"""Conditions in CEL, what they may ask about, and which of them can never hold. Pure."""
