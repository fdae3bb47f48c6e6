"""Pure decisions of the e-mail channel: bytes in, values out; the time is an argument."""
