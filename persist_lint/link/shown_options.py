"""Options of engines and factories in words, for the printers."""

from __future__ import annotations

from collections.abc import Iterable

from persist_lint.link.choices import ANYTHING, Entries, Named, Possible


def shown_options(options: Entries) -> list[str]:
    """Each option with the values that it may have, by name; whether there may be more."""
    found = [f"{name}={shown_choices(choices)}" for name, choices in sorted(options.items.items())]
    return found + (["and more"] if options.open else [])


def shown_choices(choices: Iterable[Possible | None]) -> str:
    """The values that something may have."""
    return " or ".join(sorted("missing" if p is None else shown_possible(p) for p in choices))


def shown_possible(possible: Possible) -> str:
    """One value; whether it is only the default of a setting."""
    match possible.value:
        case Named(dotted=dotted):
            text = dotted
        case Entries(items=items):
            text = "{" + ", ".join(f"{key}: {shown_choices(value)}" for key, value in sorted(items.items())) + "}"
        case value:
            text = "anything" if value is ANYTHING else repr(value)
    return f"{text} by default" if possible.settable else text
