"""Conditions of rules in CEL, the variables that they may use, and which rules can never match. Pure."""
