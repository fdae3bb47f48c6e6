"""Opening hours of queues, overflow, the steps of waiting work, and surges. Pure."""
