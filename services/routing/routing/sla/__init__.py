"""SLA clocks: what starts and stops them, their ledger, and the attainment of targets."""
