"""The configuration: the active version, drafts, trials, shadows and publications."""
