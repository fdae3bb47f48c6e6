"""When a queue is open, where work flows over to, its steps, and surges. Pure."""
