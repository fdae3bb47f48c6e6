"""Pure decisions of the social channel: values in, values out; the time is an argument."""
