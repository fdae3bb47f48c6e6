"""Pure: which customer an interaction is from, and what its words are about."""
