"""The organisation's document as routing reads it: one section a file, checked with their places."""
