"""Configuration: read strictly, from the project's root; every fault is one line that names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from persist_lint.engine.config import Config, Thresholds, load_config
from persist_lint.engine.errors import ConfigError
from persist_lint.engine.roots import find_root
from persist_lint.model.severity import Confidence, Severity


def project(tmp_path: Path, text: str, name: str = ".persist-lint.toml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(root, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        """
[project]
name = "x"
[tool.persist-lint]
select = ["PSL1", "transaction"]
extend-select = ["PSL404"]
ignore = ["n-update-loop"]
min-severity = "Medium"
min-confidence = "possible"
exclude = ["old/"]
extend-exclude = ["older/"]
force-exclude = true
tests = ["checks/"]
include-tests = true
vendored = []
generated = ["*_gen.py"]
src = ["lib"]
vocabulary = ["lint/own.toml"]
jobs = 3
cache = false
cache-dir = "var/cache"
[tool.persist-lint.per-file-ignores]
"scripts/*.py" = ["PSL3"]
[tool.persist-lint.severity]
query-in-loop = "low"
[tool.persist-lint.thresholds]
max-file-bytes = 10
""",
        "pyproject.toml",
    )
    assert load_config(root / "lib" / "module.py") == Config(
        select=("PSL1", "transaction"),
        extend_select=("PSL404",),
        ignore=("n-update-loop",),
        per_file_ignores={"scripts/*.py": ("PSL3",)},
        min_severity=Severity.MEDIUM,
        min_confidence=Confidence.POSSIBLE,
        severity={"query-in-loop": Severity.LOW},
        exclude=("old/",),
        extend_exclude=("older/",),
        force_exclude=True,
        tests=("checks/",),
        include_tests=True,
        vendored=(),
        generated=("*_gen.py",),
        src=(root / "lib",),
        vocabulary=(root / "lint/own.toml",),
        thresholds=Thresholds(max_file_bytes=10),
        jobs=3,
        cache=False,
        cache_dir=root / "var/cache",
        source=root / "pyproject.toml",
    )


def test_an_empty_table_is_the_defaults(tmp_path: Path) -> None:
    root = project(tmp_path, "[tool.persist-lint]\n", "pyproject.toml")
    assert load_config(root) == structs.replace(Config(), source=root / "pyproject.toml")


def test_no_configuration_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(project(tmp_path, "[build-system]\n", "pyproject.toml")) == Config()


def test_the_own_file_wins_over_the_table(tmp_path: Path) -> None:
    project(tmp_path, "[tool.persist-lint]\njobs = 1\n", "pyproject.toml")
    assert load_config(project(tmp_path, "jobs = 2\n")).jobs == 2


def test_isolated_reads_nothing_and_a_named_file_is_read_instead(tmp_path: Path) -> None:
    root = project(tmp_path, "jobs = 2\n")
    (root / "other.toml").write_text("jobs = 5\n")
    assert load_config(root, isolated=True) == Config()
    assert load_config(root, config_file=root / "other.toml").jobs == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slect = []\n", 'unknown key "slect"; did you mean "select"?'),
        ("zzzzzz = 1\n", 'unknown key "zzzzzz"'),
        ("[thresholds]\nmax-bytes = 1\n", 'unknown key "thresholds.max-bytes"; did you mean "max-file-bytes"?'),
        ('jobs = "two"\n', "jobs: expected int, got str"),
        ("jobs = -1\n", "jobs: expected 0 (one per processor) or more, got -1"),
        ("select = [1]\n", "select[0]: expected str, got int"),
        (
            'min-severity = "hihg"\n',
            'min-severity: "hihg" is none of low, medium, high, critical; did you mean "high"?',
        ),
        ('[severity]\nx = "bad"\n', 'severity.x: "bad" is none of low, medium, high, critical'),
    ],
)
def test_a_fault_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    root = project(tmp_path, text)
    assert refusal(root) == f"{root / '.persist-lint.toml'}: {message}"


def test_broken_toml_is_one_line(tmp_path: Path) -> None:
    root = project(tmp_path, "jobs = \n")
    assert refusal(root).startswith(f"{root / '.persist-lint.toml'}: is not valid TOML: ")
    assert "\n" not in refusal(root)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / ".persist-lint.toml").write_bytes(b"jobs = 1\n# \xff\n")
    expected = f"{tmp_path / '.persist-lint.toml'}: is not UTF-8 (byte 11); TOML files have to be"
    assert refusal(tmp_path) == expected


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert refusal(tmp_path, config_file=path) == f"{path}: cannot be read: No such file or directory"


def test_a_named_pyproject_without_our_table(tmp_path: Path) -> None:
    root = project(tmp_path, "[project]\n", "pyproject.toml")
    path = root / "pyproject.toml"
    assert refusal(root, config_file=path) == f"{path}: has no [tool.persist-lint] table"


@pytest.mark.parametrize("marker", ["setup.cfg", "setup.py", ".persist-lint.toml"])
def test_a_root_has_a_marker(tmp_path: Path, marker: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / marker).touch()
    assert find_root(tmp_path / "a" / "b" / "c.py") == tmp_path


def test_a_pyproject_counts_with_a_build_system_or_our_table(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (inner / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_root(inner) == tmp_path
    (inner / "pyproject.toml").write_text("[tool.persist-lint.severity]\n")
    assert find_root(inner) == inner
    (inner / "pyproject.toml").write_text("[build-system\nbroken")
    assert find_root(inner) == inner


def test_without_any_marker_a_package_is_left_upwards(tmp_path: Path) -> None:
    package = tmp_path / "top" / "package" / "sub"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").touch()
    assert find_root(package) == tmp_path / "top"
