"""The whole system as its users know it; it is stopped when these tests are over."""
