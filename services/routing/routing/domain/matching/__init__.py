"""Which work goes to which agent, and in which order. Pure."""
