"""Business calendars and SLA clocks. Pure."""
