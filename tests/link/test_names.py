"""What names are bound to: scopes, imports, stars, several bindings of one name."""

from __future__ import annotations

from pathlib import Path

import pytest
from link.build import project_of

from persist_lint.link.index import Class, Function, Module
from persist_lint.link.names import Binding, External, Variable


def bound(root: Path, sources: dict[str, str], path: str, name: str) -> Binding | None:
    project = project_of(root, sources)
    return project.world.scopes.lookup(project.world.index.modules[path], name)


def spelled(found: Binding | None) -> str:
    match found:
        case Module() | Function() | Class() | External():
            return f"{type(found).__name__} {found.dotted}"
        case Variable():
            return f"Variable {found.module.dotted}.{found.name} of {len(found.values)}"
    return "nothing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os.path as x", "External os.path"),
        ("import os.path\nx = os", "Variable main.x of 1"),
        ("from os import path as x", "External os.path"),
        ("import other as x", "Module other"),
        ("from other import f as x", "Function other.f"),
        ("from other import K as x", "Class other.K"),
        ("from other import v as x", "Variable other.v of 1"),
        ("from other import missing as x", "nothing"),
        ("from . import other as x", "Module other"),
        ("from .other import f as x", "Function other.f"),
        ("def x(): pass\nx = None", "Function main.x"),
        ("x = None\nx = 3", "Variable main.x of 2"),
        ("if a:\n    x = 1\nelse:\n    x = 2", "Variable main.x of 2"),
        ("try:\n    import fast as x\nexcept ImportError:\n    x = None", "External fast"),
        ("with a() as x:\n    pass", "Variable main.x of 1"),
        ("x, y = 1, 2", "Variable main.x of 1"),
        ("x: int", "Variable main.x of 0"),
        ("for i in a:\n    x = i", "Variable main.x of 1"),
        ("y = 1", "nothing"),
    ],
)
def test_what_a_module_binds(tmp_path: Path, text: str, expected: str) -> None:
    other = "v = 1\ndef f(): pass\nclass K: pass\n"
    assert spelled(bound(tmp_path, {"main.py": text + "\n", "other.py": other}, "main.py", "x")) == expected


@pytest.mark.parametrize(
    ("other", "name", "expected"),
    [
        ("def f(): pass", "f", "Function other.f"),
        ("def _f(): pass", "_f", "nothing"),
        ('__all__ = ["_f"]\ndef _f(): pass', "_f", "Function other._f"),
        ('__all__ = ("g",)\ndef f(): pass', "f", "nothing"),
        ('__all__ = ["g"]\n__all__ += ["f"]\ndef f(): pass', "f", "Function other.f"),
        ("__all__ = names()\ndef f(): pass", "f", "Function other.f"),
        ("from main import *\ndef g(): pass", "f", "nothing"),
    ],
)
def test_what_a_star_brings(tmp_path: Path, other: str, name: str, expected: str) -> None:
    sources = {"main.py": "from other import *\n", "other.py": other + "\n"}
    assert spelled(bound(tmp_path, sources, "main.py", name)) == expected


def test_a_cycle_of_reexports_binds_nothing(tmp_path: Path) -> None:
    sources = {"one.py": "from two import x\n", "two.py": "from one import x\n"}
    assert bound(tmp_path, sources, "one.py", "x") is None


def test_a_submodule_is_an_attribute_of_its_package(tmp_path: Path) -> None:
    sources = {"app/__init__.py": "", "app/db.py": "", "main.py": "import app\n"}
    project = project_of(tmp_path, sources)
    scopes, modules = project.world.scopes, project.world.index.modules
    app = scopes.lookup(modules["main.py"], "app")
    assert isinstance(app, Module)
    assert spelled(scopes.attribute(app, "db", modules["main.py"])) == "Module app.db"
    assert scopes.attribute(app, "missing", modules["main.py"]) is None
