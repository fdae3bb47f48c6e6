"""Changes on networks come in: posts, edits and deletions. Nothing here commits."""
