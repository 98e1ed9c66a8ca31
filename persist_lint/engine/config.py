"""The configuration: ``[tool.persist-lint]`` of the project's pyproject.toml, or its ``.persist-lint.toml``.

    [tool.persist-lint]
    select = ["transaction", "PSL1"]               # codes, prefixes, names, families; empty: all rules
    ignore = ["unused-suppression"]
    extend-exclude = ["migrations/archive/"]       # patterns as in .gitignore, relative to the project root
    min-severity = "medium"
    vocabulary = ["lint/our_client.toml"]
    [tool.persist-lint.per-file-ignores]
    "scripts/*.py" = ["PSL3"]
    [tool.persist-lint.severity]
    query-in-loop = "low"

Keys are strict: one that is not known is an error. Options of the command line replace fields of the loaded Config
(``msgspec.structs.replace``).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from persist_lint.engine.errors import ConfigError, hint
from persist_lint.engine.roots import CONFIG_NAME, find_root
from persist_lint.model.severity import Confidence, Severity

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_EXCLUDE = (
    "node_modules/",
    "site-packages/",
    "dist-packages/",
    "__pycache__/",
    "__pypackages__/",
    "/build/",
    "/dist/",
    "**/build/lib*/",
    "**/build/bdist*/",
)
DEFAULT_TESTS = (
    "tests/",
    "test/",
    "fixtures/",
    "examples/",
    "example/",
    "/docs/",
    "/doc/",
    "test_*.py",
    "*_test.py",
    "conftest.py",
)
DEFAULT_VENDORED = ("vendor/", "_vendor/", "vendored/", "_vendored/", "third_party/")
DEFAULT_GENERATED = ("*_pb2.py", "*_pb2_grpc.py")


class Thresholds(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Limits: ``max_file_bytes`` is the size above which a file is not read."""

    max_file_bytes: int = 5_000_000


class Config(Struct, frozen=True, kw_only=True):
    """How to run. Patterns are as in .gitignore and relative to the project root.

    exclude, extend_exclude  not read at all; ``force_exclude`` applies them to paths named on the command line too
    tests                    tests, fixtures, examples: neither read nor audited unless ``include_tests``
    vendored, generated      read, because other code calls it, but not audited
    src                      import roots, absolute
    vocabulary               vocabulary files of the user, absolute
    severity                 rule name or code → severity of all its findings
    jobs                     processes to use; 0: one per processor
    cache, cache_dir         keep facts between runs, and where (None: ``.persist_lint_cache`` in the project root)
    source                   the file that this was read from, for messages; None for the defaults
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = field(default_factory=dict)
    min_severity: Severity = Severity.LOW
    min_confidence: Confidence = Confidence.PROBABLE
    severity: dict[str, Severity] = field(default_factory=dict)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    tests: tuple[str, ...] = DEFAULT_TESTS
    include_tests: bool = False
    vendored: tuple[str, ...] = DEFAULT_VENDORED
    generated: tuple[str, ...] = DEFAULT_GENERATED
    src: tuple[Path, ...] = ()
    vocabulary: tuple[Path, ...] = ()
    thresholds: Thresholds = Thresholds()
    jobs: int = 0
    cache: bool = True
    cache_dir: Path | None = None
    source: Path | None = None


class _Table(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True, omit_defaults=True):
    """The table as the user writes it; its fields are the known keys, with the defaults of Config."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = field(default_factory=dict)
    min_severity: str = "low"
    min_confidence: str = "probable"
    severity: dict[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    tests: tuple[str, ...] = DEFAULT_TESTS
    include_tests: bool = False
    vendored: tuple[str, ...] = DEFAULT_VENDORED
    generated: tuple[str, ...] = DEFAULT_GENERATED
    src: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    thresholds: Thresholds = Thresholds()
    jobs: int = 0
    cache: bool = True
    cache_dir: str | None = None


KEYS: tuple[str, ...] = _Table.__struct_encode_fields__


def load_config(start: Path, *, config_file: Path | None = None, isolated: bool = False) -> Config:
    """The configuration for the project that holds ``start``.

    ``config_file`` is read instead of the project's own (a pyproject.toml by its table, any other file whole);
    ``isolated`` reads none. Raises ConfigError, one line that names file and key.
    """
    if config_file is not None:
        return _from_file(config_file, required=True) or Config()
    if isolated:
        return Config()
    root = find_root(start)
    for name in (CONFIG_NAME, "pyproject.toml"):
        config = _from_file(root / name, required=False) if (root / name).is_file() else None
        if config is not None:
            return config
    return Config()


def _from_file(path: Path, *, required: bool) -> Config | None:
    try:
        text = path.read_bytes().decode("utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start}); TOML files have to be") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "nested too deeply"
        raise ConfigError(f"{path}: is not valid TOML: {reason}") from None
    if path.name != "pyproject.toml":
        return parse(content, path)
    tool = content.get("tool", {})
    table = tool.get("persist-lint") if isinstance(tool, dict) else None
    if table is None:
        if required:
            raise ConfigError(f"{path}: has no [tool.persist-lint] table")
        return None
    return parse(table, path)


def parse(table: object, path: Path) -> Config:
    """The Config of a parsed table; relative paths in it are relative to the directory of ``path``."""
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: persist-lint: expected a table")
    _refuse_unknown(table, KEYS, "", path)
    thresholds = table.get("thresholds")
    if isinstance(thresholds, dict):
        _refuse_unknown(thresholds, Thresholds.__struct_encode_fields__, "thresholds.", path)
    try:
        raw = msgspec.convert(table, _Table)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error, path)) from None
    return _resolve(raw, path)


def _refuse_unknown(table: Mapping[str, object], known: tuple[str, ...], prefix: str, path: Path) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f'{path}: unknown key "{prefix}{key}"{hint(key, known)}')


def _explain(error: msgspec.ValidationError, path: Path) -> str:
    message, _, where = str(error).partition(" - at `")
    key = re.sub(r"^\$\.?", "", where.rstrip("`")) or "persist-lint"
    return f"{path}: {key}: {message[:1].lower()}{message[1:].replace('`', '')}"


def _resolve(raw: _Table, path: Path) -> Config:
    base = path.absolute().parent
    fields: dict[str, Any] = msgspec.structs.asdict(raw)
    if raw.jobs < 0:
        raise ConfigError(f"{path}: jobs: expected 0 (one per processor) or more, got {raw.jobs}")
    fields["min_severity"] = _word(Severity, raw.min_severity, "min-severity", path)
    fields["min_confidence"] = _word(Confidence, raw.min_confidence, "min-confidence", path)
    fields["severity"] = {rule: _word(Severity, word, f"severity.{rule}", path) for rule, word in raw.severity.items()}
    fields["src"] = tuple(base / item for item in raw.src)
    fields["vocabulary"] = tuple(base / item for item in raw.vocabulary)
    fields["cache_dir"] = None if raw.cache_dir is None else base / raw.cache_dir
    fields["source"] = path
    return Config(**fields)


Grade = TypeVar("Grade", Severity, Confidence)


def _word(kind: type[Grade], word: str, key: str, path: Path) -> Grade:
    known = [grade.name.lower() for grade in kind]
    if word.lower() not in known:
        raise ConfigError(f'{path}: {key}: "{word}" is none of {", ".join(known)}{hint(word.lower(), known)}')
    return kind[word.upper()]
