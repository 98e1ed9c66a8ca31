"""Trouble that a user can do something about: one line that names what, where, and the way out."""

from __future__ import annotations


class FaceError(Exception):
    """The tool could not do its work; the text is one clear line."""


def one_line(error: BaseException) -> str:
    """The error's text on one line, safe to print; the class name where it says nothing."""
    from persist_lint.faces.text import plain

    text = " ".join(str(error).split())
    return plain(text) or type(error).__name__
