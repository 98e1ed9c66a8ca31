"""Text that can be stored: msgpack, JSON and terminals refuse lone surrogates."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text itself, or, when it holds lone surrogates, the text with each of them replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text
