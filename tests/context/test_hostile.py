"""Broken and hostile files cost a sentence, never an exception or much time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from context.helpers import write

from persist_lint.context.survey import survey

BROKEN: dict[str, tuple[str, bytes, str]] = {
    "TOML": ("pyproject.toml", b"[project\n", "pyproject.toml: not valid TOML ("),
    "nested TOML": ("pyproject.toml", b"a = " + b"[" * 5_000, "pyproject.toml: not valid TOML ("),
    "lock": ("uv.lock", b"<<<<<<< HEAD\n", "uv.lock: not valid TOML ("),
    "Pipfile.lock": ("Pipfile.lock", b"{", "Pipfile.lock: not valid JSON ("),
    "nested JSON": ("package.json", b"[" * 100_000, "package.json: not valid JSON ("),
    "INI": ("setup.cfg", b"x = 1\n", "setup.cfg: not valid INI ("),
    "YAML": ("compose.yml", b"services: [a\n  b: }", "compose.yml: not valid YAML ("),
    "nested YAML": ("compose.yml", b"[" * 20_000, "compose.yml: not valid YAML ("),
    "binary": (".env", b"A=\0\xff", ".env: not a text file; it is left out."),
    "not UTF-8": (".env.example", b"A=\xff\n", ".env.example: not UTF-8 text; it is left out."),
    "huge": ("pyproject.toml", b"#" * 600_000, "pyproject.toml: larger than 512 KiB; it is left out."),
    "huge compose": ("compose.yml", b"#" * 300_000, "compose.yml: larger than 256 KiB; it is left out."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file(tmp_path: Path, name: str) -> None:
    path, data, sentence = BROKEN[name]
    (tmp_path / path).write_bytes(data)
    (tmp_path / "requirements.txt").write_text("flask==3.0\n")
    start = time.process_time()
    found = survey(tmp_path, {})
    assert time.process_time() - start < 3
    assert [conflict[: len(sentence)] for conflict in found.conflicts] == [sentence]
    assert "\n" not in found.conflicts[0]
    assert found.versions["flask"].exact == "3.0"


def test_wrong_types_in_good_files(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        'project = {dependencies = [1, "flask", "!!"], optional-dependencies = 3}\n'
        "tool = {poetry = {dependencies = [], group = {a = 1}}}\n"
    )
    (tmp_path / "compose.yml").write_text("services:\n  - image: postgres\n")
    (tmp_path / "package.json").write_text('{"dependencies": ["pg"]}')
    found = survey(tmp_path, {})
    assert (list(found.versions), found.conflicts) == (["flask"], ())


def test_aliases_are_not_expanded(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    recursive = "services: &s\n  db: &d\n    image: postgres:16\n    self: *d\n  again: *s\n  more: {<<: *d}\n"
    (tmp_path / "compose.yml").write_text(laughs + recursive)
    start = time.process_time()
    assert survey(tmp_path, {}).stack.db_version == "16"
    assert time.process_time() - start < 2


def test_only_regular_files_below_the_root_are_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("URL=postgresql://h/x\n")
    (root / ".env").symlink_to(tmp_path / "secret")
    (root / ".env.loop").symlink_to(root / ".env.loop")
    (root / ".env.gone").symlink_to(root / "gone")
    (root / "requirements.txt").mkdir()
    os.mkfifo(root / "compose.yml")
    found = survey(root, {})
    assert found.stack.db is None
    assert found.conflicts in ((), (".env.loop: cannot be read (OSError); it is left out.",),
                               (".env.loop: cannot be read (RuntimeError); it is left out.",))  # fmt: skip


def test_a_long_lock_takes_no_long_time(tmp_path: Path) -> None:
    entry = '[[package]]\nname = "p{0}"\nversion = "{0}"\n' + "wheels = [{{ url = 'u', hash = 'h' }}]\n" * 20
    (tmp_path / "uv.lock").write_text("".join(entry.format(n) for n in range(4_000)))
    start = time.process_time()
    assert len(survey(tmp_path, {}).versions) == 4_000
    assert time.process_time() - start < 2


def test_text_that_looks_like_a_url(tmp_path: Path) -> None:
    urls = [
        "postgresql://[::1",
        "mysql+nonsense://x",
        "postgresql+asyncpg://h:port/x",
        "sqlite+aiosqlite://",
        "oracle:/",
    ]
    modules = write(tmp_path, {"a.py": "".join(f"X{n} = {url!r}\n" for n, url in enumerate(urls))})
    assert survey(tmp_path, modules).stack.db == "postgresql"
