"""A service as a process: start and stop, settings, clock, logs, metrics, trace context."""
