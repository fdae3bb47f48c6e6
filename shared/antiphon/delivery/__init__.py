"""Delivery of replies: a service keeps each reply that is requested, and attempts to send it until the other side takes it or a person must decide."""
