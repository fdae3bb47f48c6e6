"""Pure: rules, calendars, the organisation's configuration, and who gets which work."""
