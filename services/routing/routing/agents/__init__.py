"""Agents: who is there."""
