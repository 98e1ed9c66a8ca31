"""What must hold of link whatever the program: order, names of locals, hostile structure, time."""

from __future__ import annotations

import gc
import re
import time
from pathlib import Path

import pytest

from link.build import everything, project_of
from persist_lint.link import debug

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
REPO = """
from app.models import Order
from app.service import audit

class Repo:
    def __init__(self, session):
        self.session = session

    def get(self, id, commit=True):
        found = self.session.get(Order, id)
        if commit:
            self.session.commit()
        audit(self, found)
        return found
"""
SERVICE = """
from sqlalchemy.orm import Session
import httpx

def audit(repo, item):
    httpx.post("https://example.org", json=item.id)
    if item.id:
        run(repo.session, [item.id])

def run(session: Session, ids):
    from app.repo import Repo
    repo = Repo(session)
    for key in ids:
        value = repo.get(key, commit=False)
        print(value.id)
    return [repo.get(key) for key in ids]
"""
SHOP = {"app/__init__.py": "", "app/models.py": MODELS, "app/repo.py": REPO, "app/service.py": SERVICE}


def test_the_order_of_files_changes_nothing(tmp_path: Path) -> None:
    expected = everything(project_of(tmp_path, SHOP))
    assert expected["effects app.service.run"] != "nothing\n"
    assert everything(project_of(tmp_path, dict(reversed(SHOP.items())))) == expected


def test_what_was_asked_before_changes_nothing(tmp_path: Path) -> None:
    expected = everything(project_of(tmp_path, SHOP))
    for first in ("app.repo.Repo.get", "app.service.audit", "app.service.run"):
        project = project_of(tmp_path, SHOP)
        assert project.relevant
        debug.session(project, first)
        assert everything(project) == expected


def test_names_of_locals_change_no_effects(tmp_path: Path) -> None:
    renamed = dict(SHOP)
    for name in ("repo", "key", "value", "found"):
        pattern = re.compile(rf"(?<![.\w]){name}(?![\w])(?! import)")
        for path in ("app/repo.py", "app/service.py"):
            lines = [
                line if line.lstrip().startswith(("from", "import")) else pattern.sub(f"x_{name}", line)
                for line in renamed[path].splitlines(keepends=True)
            ]
            renamed[path] = "".join(lines)
    assert renamed != SHOP
    old, new = project_of(tmp_path, SHOP), project_of(tmp_path, renamed)
    for function in ("app.repo.Repo.get", "app.service.audit", "app.service.run"):
        said = debug.effects(new, function).replace("x_", "")
        assert said == debug.effects(old, function)


HOSTILE = {
    "functions that call each other": "def f(s, n):\n    s.commit()\n    g(s, n)\n\ndef g(s, n):\n    f(s, n)\n    h(s)\n\ndef h(s):\n    g(s, h)\n    return f\n",
    "a function that is given itself": "def f(s, g):\n    s.commit()\n    return g(s, f)\n\nf(None, f)\n",
    "a class that inherits from itself": "class A(A):\n    def f(self, s):\n        super().f(s)\n        s.commit()\n",
    "classes that inherit from each other": "class A(B):\n    def f(self, s):\n        s.commit()\n\nclass B(A):\n    def f(self, s):\n        super().f(s)\n",
    "diamonds": "class A:\n    def f(self, s):\n        s.commit()\n\n"
    + "".join(f"class L{n}({'A' if n == 0 else f'L{n - 1}, R{n - 1}'}): pass\nclass R{n}({'A' if n == 0 else f'L{n - 1}, R{n - 1}'}): pass\n" for n in range(30))
    + "def f(s):\n    L29().f(s)\n",
    "types that grow": "def f(s, x=None):\n    s.commit()\n    for _ in s:\n        x = [x, (x, x)]\n    return f(s, x)\n",
    "an alias of itself": "from __future__ import annotations\nX = Y\nY = X\nZ = list['Z']\ndef f(s: X, t: Y, u: Z) -> X:\n    s.commit()\n    return f(s, t, u)\n",
    "an attribute that is itself": "class A:\n    def __init__(self, s):\n        self.a = A(self.a)\n        self.b = self.a.b.b\n        s.commit()\n",
    "a property of itself": "class A:\n    @property\n    def p(self):\n        return self.p.p\n\n    def f(self, s):\n        s.commit()\n        return self.p\n",
    "generics of generics": "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    def f(self, s) -> 'A[A[T]]':\n        s.commit()\n        return A[A[T]]()\n\ndef f(s):\n    return A[int]().f(s).f(s).f(s)\n",
    "decorators of each other": "@g\ndef f(s):\n    s.commit()\n\n@f\ndef g(s):\n    s.commit()\n",
    "closures of closures": "def f(s):\n" + "".join(f"{'    ' * n}def f{n}(s):\n" for n in range(1, 15)) + f"{'    ' * 15}s.commit()\n    f1(s)\n",
    "lambdas of themselves": "f = lambda s: f(s) or s.commit()\ng = [lambda s: g[0](s)]\ndef h(s):\n    f(s)\n    g[0](s)\n    s.commit()\n",
    "nested loops": "def f(s, x):\n" + "".join(f"{'    ' * n}for i{n} in x:\n" for n in range(1, 15)) + f"{'    ' * 15}s.commit()\n",
    "a star of itself": "from main import *\nfrom . import *\ndef f(s):\n    g(s)\n    s.commit()\n",
    "a manager that enters itself": "from contextlib import contextmanager\n@contextmanager\ndef f(s):\n    with f(s) as t:\n        t.commit()\n        yield t\n\ndef g(s):\n    with f(s) as x:\n        s.commit()\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_structure_ends(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name].replace("\ndef f(s", "\ndef f(s", 1)
    project = project_of(tmp_path, {"main.py": "from sqlalchemy.orm import Session\n" + text})
    assert everything(project)
    assert list(project.functions())
    assert project.contexts.entries


def test_cyclic_imports_end(tmp_path: Path) -> None:
    sources = {f"m{n}.py": f"from m{(n + 1) % 9} import *\nfrom m{(n + 1) % 9} import f as g\ndef f(s):\n    s.commit()\n    g(s)\n    missing(s)\n" for n in range(9)}  # fmt: skip
    sources["m0.py"] = "from sqlalchemy.orm import Session\n" + sources["m0.py"]
    assert everything(project_of(tmp_path, sources))


def chain(length: int) -> str:
    """Functions of which each calls the next, the last one commits."""
    first = "from sqlalchemy.orm import Session\nimport httpx\n\ndef f0(s: Session):\n    s.commit()\n    httpx.get('x')\n\n"
    return first + "".join(f"def f{n}(s: Session):\n    return f{n - 1}(s)\n\n" for n in range(1, length))


def test_a_call_chain_of_three_thousand_is_followed_to_its_end(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"main.py": chain(3000)})
    last = project.function_named("main.f2999")
    assert last is not None
    assert [(e.kind, e.length) for e in project.summaries.of(last)] == [
        ("flush", 2999), ("net", 2999), ("txn.commit", 2999),
    ]  # fmt: skip
    assert [len(o.states) for o in project.lives.of(last).summary.occurrences] == [1]


def wide(count: int) -> dict[str, str]:
    """A module with that many functions that load, loop and call each other a little."""
    head = "from sqlalchemy.orm import Session\nfrom app.models import Order\n\n"
    body = [
        f"def f{n}(session: Session, ids: list[int], commit: bool = True):\n"
        f"    for id in ids:\n        order = session.get(Order, id)\n        print(order.id)\n"
        f"    if commit:\n        session.commit()\n    return f{n - n % 10}(session, ids, commit=False)\n\n"
        for n in range(count)
    ]
    return {"app/__init__.py": "", "app/models.py": MODELS, "app/wide.py": head + "".join(body)}


def analysed(root: Path, sources: dict[str, str]) -> float:
    """Seconds of processor time that linking everything takes."""
    project = project_of(root, sources)
    gc.collect()
    start = time.process_time()
    for view in project.functions():
        assert view.summary is not None
        assert view.life.before is not None
    assert project.contexts.entries
    return time.process_time() - start


def test_a_module_of_five_thousand_functions_is_linked(tmp_path: Path) -> None:
    project = project_of(tmp_path, wide(5000))
    assert len(list(project.functions())) > 5000
    last = project.function_named("app.wide.f4999")
    assert last is not None
    assert {e.kind for e in project.summaries.of(last)} == {"db.select", "flush", "txn.commit"}


def test_twice_the_code_takes_at_most_a_little_more_than_twice_the_time(tmp_path: Path) -> None:
    analysed(tmp_path, wide(50))  # warm: imports, caches of the interpreter
    ratios = []
    for _ in range(3):
        ratios.append(analysed(tmp_path, wide(1600)) / analysed(tmp_path, wide(800)))
        if ratios[-1] <= 2.3:
            return
    pytest.fail(f"twice the code took {', '.join(f'{r:.2f}' for r in ratios)} times the time")
