"""The flake8 configuration under which the tested package is a plugin, installed or not."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import persist_lint

_LOCAL = "[flake8:local-plugins]\nextension =\n    PSL = persist_lint.faces.flake8:Plugin\npaths = {}\n"


def flake8_configuration(*lines: str) -> str:
    """A ``.flake8`` file; an installed plugin is not named again, because flake8 would load it twice."""
    installed = entry_points(group="flake8.extension", name="PSL")
    local = "" if installed else _LOCAL.format(Path(persist_lint.__file__).parents[1])
    return local + "\n".join(["[flake8]", *lines]) + "\n"
