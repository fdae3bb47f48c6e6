"""The sections of the organisation's document that routing reads, one a file, each with its checks."""
