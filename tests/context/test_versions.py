from __future__ import annotations

import pytest

from persist_lint.context.dependencies import poetry_specifier
from persist_lint.context.versions import between, is_server_dialect, locked_version, overlaps
from persist_lint.model.context import Surroundings, Version


def exact(version: str) -> Version:
    return Version(version, "", "")


def ranged(specifier: str) -> Version:
    return Version(None, specifier, "")


@pytest.mark.parametrize(
    ("version", "low", "high", "expected"),
    [
        (exact("0.115.2"), "0.106", "0.118", True),
        (exact("0.118"), "0.106", "0.118", False),
        (exact("0.105.0"), "0.106", "0.118", False),
        (exact("nonsense"), "0.106", "0.118", None),
        (None, "0.106", None, None),
        (ranged(""), "0.106", None, None),
        (ranged(">=0.100"), "0.106", None, None),
        (ranged(">=0.118"), "0.118", None, True),
        (ranged("<0.118,>=0.106"), "0.106", "0.118", True),
        (ranged("<0.106"), "0.106", None, False),
        (ranged("<=0.106"), "0.106", None, None),
        (ranged(">=0.118"), None, "0.118", False),
        (ranged("==0.115.*"), "0.106", "0.118", True),
        (ranged("~=0.115.3"), "0.106", "0.116", True),
        (ranged("~=2.0"), "2", "3", True),
        (ranged("not a specifier"), "2", "3", None),
    ],
)
def test_between(version: Version | None, low: str | None, high: str | None, expected: bool | None) -> None:
    assert between(version, low, high) is expected


@pytest.mark.parametrize(
    ("version", "specifier", "expected"),
    [
        (None, ">=2.0", True),
        (exact("1.4.9"), ">=2.0", False),
        (exact("2.0.36"), ">=1.4", True),
        (exact("16.2"), "", True),
        (ranged(">=2.1"), "<2.0", False),
        (ranged("<2.0"), ">=2.0", False),
        (ranged(">=1.4"), ">=2.0", True),
    ],
)
def test_overlaps(version: Version | None, specifier: str, expected: bool) -> None:
    assert overlaps(version, specifier) is expected


@pytest.mark.parametrize(
    ("poetry", "pep440"),
    [
        ("^2.1", "<3,>=2.1"),
        ("^0.115.2", "<0.116,>=0.115.2"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("~2.0.1", "<2.1,>=2.0.1"),
        ("~2", "<3,>=2"),
        ("2.0.1", "==2.0.1"),
        ("1.*", "==1.*"),
        ("*", ""),
        (">=1, <2", "<2,>=1"),
        ("^1 || ^2", ""),
    ],
)
def test_poetry_specifier(poetry: str, pep440: str) -> None:
    assert poetry_specifier(poetry) == pep440


def test_locked_version() -> None:
    surroundings = Surroundings(versions={"sse-starlette": exact("2.1.0"), "fastapi": ranged(">=0.1")})
    assert str(locked_version(surroundings, "SSE_Starlette")) == "2.1.0"
    assert locked_version(surroundings, "fastapi") is None
    assert locked_version(surroundings, "flask") is None


def test_is_server_dialect() -> None:
    names = ("postgresql", "mysql", "mssql", "sqlite", None)
    assert [is_server_dialect(name) for name in names] == [True, True, True, False, False]
