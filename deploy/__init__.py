"""Runs Antiphon on one machine: PostgreSQL, Kafka, a mail server, a Bluesky PDS, the services, the example. `make` lists the commands."""
