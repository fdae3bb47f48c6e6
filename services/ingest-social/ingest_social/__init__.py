"""Posts of public networks in, threaded answers out; the AT protocol first."""
