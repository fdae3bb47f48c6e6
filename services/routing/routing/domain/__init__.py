"""The pure decisions of routing: configuration, rules, calendars, clocks, and which agent gets which work."""
