"""Pure decisions of the mail channel: bytes in, values out, time passed in."""
