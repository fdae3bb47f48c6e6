"""Agents: their presence."""
