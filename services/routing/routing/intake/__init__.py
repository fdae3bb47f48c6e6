"""What routing does with events of cases and replies."""
