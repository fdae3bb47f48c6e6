"""What a configuration decides about words, about more words, and would have decided. Pure."""
