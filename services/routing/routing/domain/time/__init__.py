"""Business calendars and service clocks. Pure."""
