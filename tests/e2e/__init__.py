"""End-to-end tests on the whole system, which stops after these tests."""
