"""What a configuration decides: verdicts on cases, later verdicts on open work, and trials on past decisions. Pure."""
