"""Sessions: how they begin at the issuer, whose they are, and how they end."""
