"""Text of the world made safe to keep: in JSON, in UTF-8 and in PostgreSQL."""

_NOT_KEPT = dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")


def clean(text: str) -> str:
    """`text` with NUL and lone surrogates replaced by U+FFFD and line ends as line feeds."""
    return text.translate(_NOT_KEPT).replace("\r\n", "\n").replace("\r", "\n")


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`; what is cut shows as an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
