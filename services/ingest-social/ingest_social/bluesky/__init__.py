"""Bluesky: the AT protocol. Source: atproto.com specifications and the app.bsky lexicons."""
