"""The sections of the organisation's file that routing reads: each with what may be wrong with it."""
