"""Identifies the customer of every interaction, reads its words, and keeps one record for each customer."""
