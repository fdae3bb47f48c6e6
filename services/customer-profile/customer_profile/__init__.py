"""Who is speaking and what the words are about: one record per customer."""
