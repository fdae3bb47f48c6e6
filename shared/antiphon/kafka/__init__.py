"""Events in and out: the consumer with its progress and dead letters, the outbox, and the relay that sends it."""
