"""Who calls: tokens, and the roles they name."""
