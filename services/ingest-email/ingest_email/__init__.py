"""Mails come in by SMTP and IMAP; replies go out by SMTP."""
