"""The configuration: its active version, drafts, trials, shadows and publications."""
