"""Posts of social networks come in; replies go out there, in threads."""
