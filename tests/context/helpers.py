"""Small projects on disk, with the facts of their modules."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from persist_lint.context.files import Folder
from persist_lint.context.migrations import find, sent
from persist_lint.context.triggers import live_triggers
from persist_lint.facts.build import module_facts
from persist_lint.model.context import Trigger
from persist_lint.model.facts import ModuleFacts


def write(root: Path, files: dict[str, str]) -> dict[str, ModuleFacts]:
    """Write the files (dedented); the facts of those that are Python."""
    modules = {}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        if name.endswith(".py"):
            modules[name] = module_facts(dedent(text).encode())
    return modules


def triggers_of(
    root: Path, files: dict[str, str], dialect: str | None = "postgresql"
) -> tuple[tuple[Trigger, ...], list[str]]:
    """The live triggers of a project's migrations, and the conflicts met."""
    modules = write(root, files)
    folder = Folder(root)
    found = live_triggers(sent(folder, modules, find(folder, modules), dialect), dialect)
    return found, folder.conflicts


def revision(name: str, after: str, upgrade: str, head: str = "") -> str:
    """An alembic migration; ``after`` is the source of ``down_revision``."""
    body = "\n".join(f"    {line}" for line in dedent(upgrade).strip().splitlines())
    return f'revision = "{name}"\ndown_revision = {after}\n{head}\n\ndef upgrade() -> None:\n{body}\n'
