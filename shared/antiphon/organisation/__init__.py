"""The organisation's file, as several services read it."""
