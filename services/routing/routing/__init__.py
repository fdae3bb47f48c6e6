"""Rules, queues, service targets, offers and assignments."""
