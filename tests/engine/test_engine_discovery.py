"""Which files a project consists of, whatever lies in its directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import structs

from persist_lint.engine import discovery
from persist_lint.engine.config import Config
from persist_lint.engine.discovery import discover
from persist_lint.engine.errors import ConfigError, PathError
from persist_lint.model.finding import Diagnostic


def tree(root: Path, *paths: str, **texts: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")
    return root


def found(root: Path, *named: str, **options: object) -> list[str]:
    """The files; those that are not audited in brackets."""
    config = structs.replace(Config(), **options)
    paths = [(root / name).resolve() for name in named or (".",)]
    return [one.path if one.audited else f"({one.path})" for one in discover(root, paths, config).files]


def test_what_is_left_out_and_what_is_only_read(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "app/main.py",
        "app/_vendor/lib.py",
        "app/x_pb2.py",
        "app/notes.txt",
        "app/.hidden.py",
        ".hidden/a.py",
        "node_modules/a.py",
        "lib/site-packages/a.py",
        "build/a.py",
        "dist/a.py",
        "app/build/a.py",
        "packages/one/build/lib/a.py",
        "tests/test_a.py",
        "app/test_a.py",
        "app/conftest.py",
        "examples/a.py",
        "docs/conf.py",
        "app/docs/a.py",
        "third_party/a.py",
        "env/pyvenv.cfg",
        "env/a.py",
    )
    assert found(tmp_path) == [
        "(app/_vendor/lib.py)",
        "app/build/a.py",
        "app/docs/a.py",
        "app/main.py",
        "(app/x_pb2.py)",
        "(third_party/a.py)",
    ]


def test_paths_limit_what_is_audited_but_not_what_is_read(tmp_path: Path) -> None:
    tree(tmp_path, "a/one.py", "a/two.py", "b/three.py", "ab/four.py")
    assert found(tmp_path, "a/two.py", "b") == ["(a/one.py)", "a/two.py", "(ab/four.py)", "b/three.py"]


def test_tests_when_asked_for(tmp_path: Path) -> None:
    tree(tmp_path, "app.py", "tests/test_a.py", "checks/b.py")
    assert found(tmp_path, include_tests=True) == ["app.py", "checks/b.py", "tests/test_a.py"]
    assert found(tmp_path, tests=("checks/",)) == ["app.py", "tests/test_a.py"]


def test_a_named_path_is_audited_all_the_same(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "setup.cfg",
        "app.py",
        "tests/deep/test_a.py",
        "tests/deep/site-packages/b.py",
        "old/a.py",
        "third_party/a.py",
        "third_party/vendor/a.py",
        ".tools/a.py",
        "env/pyvenv.cfg",
        "env/a.py",
        "script",
    )
    options = {"extend_exclude": ("old/",)}
    assert found(tmp_path, "tests", **options) == [
        "(app.py)",
        "tests/deep/test_a.py",
        "(third_party/a.py)",
        "(third_party/vendor/a.py)",
    ]
    assert found(tmp_path, "third_party")[2:] == ["third_party/a.py", "third_party/vendor/a.py"]
    assert found(tmp_path, "third_party/a.py")[2:] == ["third_party/a.py", "(third_party/vendor/a.py)"]
    assert found(tmp_path, "old/a.py", **options)[1:2] == ["old/a.py"]
    assert found(tmp_path, "old", **options)[1:2] == ["old/a.py"]
    assert found(tmp_path, ".tools")[:1] == [".tools/a.py"]
    assert found(tmp_path, "env")[1:2] == ["env/a.py"]
    assert "script" in found(tmp_path, "script")


def test_force_exclude_lifts_nothing(tmp_path: Path) -> None:
    tree(tmp_path, "app.py", "tests/test_a.py", "old/a.py")
    options = {"extend_exclude": ("old/",), "force_exclude": True}
    assert found(tmp_path, "tests", "old/a.py", "app.py", **options) == ["app.py"]


def test_an_example_that_is_a_project_of_its_own(tmp_path: Path) -> None:
    tree(tmp_path / "examples" / "service", "app/main.py", "tests/test_a.py")
    assert found(tmp_path / "examples" / "service") == ["app/main.py"]


def test_gitignore_files_nested_negated_and_above(tmp_path: Path) -> None:
    root = tree(tmp_path / "project", "a.py", "gen/b.py", "gen/keep.py", "sub/c.py", "sub/d.py", "e.py", "f.py", "g.py")
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("g.py\n")
    (tmp_path / ".gitignore").write_text("/project/f.py\n\\\n[z-a]\n")
    (root / ".gitignore").write_text("gen/*\n!gen/keep.py\ne.py\nd.py\n")
    (root / "sub" / ".gitignore").write_text("/c.py\n!d.py\n")
    assert found(root) == ["a.py", "gen/keep.py", "sub/d.py"]


def test_a_project_that_is_ignored_itself_is_still_read(tmp_path: Path) -> None:
    root = tree(tmp_path / "work", "a.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("work/\n")
    assert found(root) == ["a.py"]


def test_a_named_directory_that_git_ignores(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "scratch/b.py", "scratch/c.py")
    (tmp_path / ".gitignore").write_text("scratch/\n")
    (tmp_path / "scratch" / ".gitignore").write_text("c.py\n")
    assert found(tmp_path, "scratch") == ["(a.py)", "scratch/b.py"]


def test_links(tmp_path: Path) -> None:
    root = tree(tmp_path / "project", "a/real.py")
    tree(tmp_path / "outside", "shared.py", "more/b.py")
    (root / "a" / "again.py").symlink_to("real.py")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "a" / "shared.py").symlink_to(tmp_path / "outside" / "shared.py")
    (root / "away").symlink_to(tmp_path / "outside", target_is_directory=True)
    (root / "dangling.py").symlink_to("nothing.py")
    (root / "dangling").symlink_to("nothing")
    (root / "self.py").symlink_to("self.py")
    assert found(root) == ["a/real.py", "a/shared.py", "dangling.py", "self.py"]


def test_pipes_are_listed_and_left_to_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert found(tmp_path) == ["pipe.py"]


def deny(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    real = os.scandir

    def scandir(place: str | Path = ".") -> object:
        if Path(place) == path:
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(discovery.os, "scandir", scandir)


def test_an_unreadable_directory_is_a_diagnostic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.py", "closed/b.py")
    deny(monkeypatch, tmp_path / "closed")
    result = discover(tmp_path, [tmp_path], Config())
    assert [one.path for one in result.files] == ["a.py"]
    message = "the directory cannot be listed: permission denied"
    assert result.problems == (Diagnostic("closed", 0, "unreadable-file", message),)
    assert discover(tmp_path, [tmp_path / "a.py"], Config()).problems == ()


def test_an_unreadable_directory_that_is_named_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "closed/b.py")
    deny(monkeypatch, tmp_path / "closed")
    with pytest.raises(PathError) as caught:
        discover(tmp_path, [tmp_path / "closed"], Config())
    assert str(caught.value) == f"{tmp_path / 'closed'}: cannot be listed: permission denied"


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"b\xff.py")).write_text("")
    except (OSError, UnicodeError):
        pytest.skip("this file system refuses such names")
    result = discover(tmp_path, [tmp_path], Config())
    assert result.files == ()
    message = "its name is not valid UTF-8; rename it"
    assert result.problems == (Diagnostic("b\\xff.py", 0, "unreadable-file", message),)


def test_unsaved_files(tmp_path: Path) -> None:
    tree(tmp_path, "a.py")
    result = discover(tmp_path, [tmp_path / "new.py"], Config(), [tmp_path / "new.py", tmp_path.parent / "other.py"])
    assert [(one.path, one.audited, one.named) for one in result.files] == [
        ("a.py", False, False),
        ("new.py", True, True),
    ]


def test_a_pattern_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        discover(tmp_path, [tmp_path], structs.replace(Config(), exclude=("[z-a]",)))
    assert str(caught.value) == '"[z-a]" is not a path pattern (they are written as in .gitignore)'


def test_a_file_in_no_project_does_not_make_its_directory_one(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "b.py", "package/__init__.py", "package/c.py", "package/data/d.py", "elsewhere/e.py")
    assert found(tmp_path, "a.py") == ["a.py", "(b.py)", "(package/__init__.py)", "(package/c.py)"]
    (tmp_path / "setup.cfg").touch()
    assert len(found(tmp_path, "a.py")) == 6
