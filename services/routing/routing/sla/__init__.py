"""Service clocks: what starts and stops them, their ledger, and how many promises were kept."""
