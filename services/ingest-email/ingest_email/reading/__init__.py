"""Reads mails in processes of their own, so that none costs more than it may, whatever its bytes do to a parser."""
