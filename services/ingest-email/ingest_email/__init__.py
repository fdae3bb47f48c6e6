"""Mail in by SMTP and IMAP, answers out by SMTP."""
