"""What ingest-direct does. Each function works in the transaction that its caller opened."""
