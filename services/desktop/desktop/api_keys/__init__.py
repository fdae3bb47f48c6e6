"""API keys: their beginning and end, and the tokens that they are exchanged for."""
