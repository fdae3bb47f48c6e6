"""Runs Antiphon on one machine: the real parts, the services, the example. `make` explains the commands."""
