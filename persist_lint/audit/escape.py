"""Text of others inside Markdown: shown as it is, never understood as markup.

Two forms exist: escaped text, and code spans. Both survive CommonMark and the tables of GFM, inside and outside of
tables, on one line. ``Markdown`` marks text that is already safe; templates escape everything else by themselves.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
#: Where a backslash keeps the start of a text from being a list item, a heading or a rule.
_BLOCK_START = re.compile(r"^(\d{1,9})(?=[.)](?: |$))|^(?=[-+](?: |$)|#{1,6}(?: |$)|[=-]+ *$)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_AUTOLINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)|\b(www)(\.)")
_TICKS = re.compile(r"`+")
_UNSAFE_IN_URL = re.compile(r"[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]")


class Markdown(str):
    """Text that is Markdown already and must not be escaped again."""

    __slots__ = ()


def plain(text: str) -> str:
    """One line of printable text: white space becomes one space, what cannot be printed its ``\\u202e`` notation."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line)


def escape(text: str) -> Markdown:
    """Text as Markdown that renders as that text and holds neither markup, HTML, links nor cell borders."""
    safe = _ENTITY.sub("&amp;", plain(text)).replace("<", "&lt;").replace(">", "&gt;")
    safe = _SPECIAL.sub(lambda match: "\\" + match.group(), safe)
    safe = _BLOCK_START.sub(lambda match: f"{match[1] or ''}\\", safe)
    return Markdown(_AUTOLINK.sub(lambda match: f"{match[1] or match[3]}\\{match[2] or match[4]}", safe))


def code(text: str) -> Markdown:
    """Text as a code span; text with a pipe as escaped text, for GFM has no sure way to write it in a cell."""
    line = plain(text)
    if "|" in line or not line:
        return escape(line)
    longest = max((len(run) for run in _TICKS.findall(line)), default=0)
    if not longest:
        return Markdown(f"`{line}`")
    fence = "`" * (longest + 1)
    return Markdown(f"{fence} {line} {fence}")


def link(title: str, url: str) -> Markdown:
    """A link; only http and https are linked, any other address is shown as text after the title."""
    address = plain(url)
    if not re.match(r"https?://", address):
        return Markdown(f"{escape(title)} ({escape(address)})") if title != url else escape(title)
    quoted = _UNSAFE_IN_URL.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), address)
    if title == url:
        return Markdown(f"<{quoted}>")
    return Markdown(f"[{escape(title)}]({quoted.replace('(', '%28').replace(')', '%29')})")


def meta(text: str) -> Markdown:
    """Text as a value inside an HTML comment: one line that cannot end the comment."""
    return Markdown(plain(text).replace(">", "&gt;"))
