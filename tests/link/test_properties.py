"""What must hold of link whatever the program: order, names of locals, hostile structure, time."""

from __future__ import annotations

import gc
import re
import time
from pathlib import Path

import pytest
from link.build import everything, project_of
from link.hostile import HOSTILE

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


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_structure_ends(tmp_path: Path, name: str) -> None:
    project = project_of(tmp_path, {"main.py": "from sqlalchemy.orm import Session\n" + HOSTILE[name]})
    assert everything(project)
    assert list(project.functions())
    assert project.contexts.entries


CYCLIC = """
from m{following} import *
from m{following} import f as g

def f(s):
    s.commit()
    g(s)
    missing(s)
"""


def test_cyclic_imports_end(tmp_path: Path) -> None:
    sources = {f"m{n}.py": CYCLIC.format(following=(n + 1) % 9) for n in range(9)}
    sources["m0.py"] = "from sqlalchemy.orm import Session\n" + sources["m0.py"]
    assert everything(project_of(tmp_path, sources))


def chain(length: int) -> str:
    """Functions of which each calls the next, the last one commits."""
    first = "from sqlalchemy.orm import Session\nimport httpx\n\n"
    first += "def f0(s: Session):\n    s.commit()\n    httpx.get('x')\n\n"
    return first + "".join(f"def f{n}(s: Session):\n    return f{n - 1}(s)\n\n" for n in range(1, length))


def test_a_call_chain_of_three_thousand_is_followed_to_its_end(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"main.py": chain(3000)})
    last = project.function_named("main.f2999")
    assert last is not None
    assert [(e.kind, e.length) for e in project.summaries.of(last)] == [
        ("flush", 2999), ("net", 2999), ("txn.commit", 2999),
    ]  # fmt: skip
    assert [len(o.states) for o in project.lives.of(last).summary.occurrences] == [1]


def tangle(count: int) -> str:
    """Functions without annotations that all call each other, a few at a time."""
    calls = "\n".join(
        f"def f{n}(s, x):\n    y = f{(n * 7 + 1) % count}(s, x)\n    s.commit()\n"
        f"    return f{(n + 1) % count}(y, s) or x\n"
        for n in range(count)
    )
    return f"from sqlalchemy.orm import Session\n\n{calls}\ndef start(s: Session):\n    return f0(s, s)\n"


def test_a_tangle_of_calls_is_walked_a_few_times_only(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"main.py": tangle(400)})
    start = time.process_time()
    assert len(project.relevant) == 402
    assert time.process_time() - start < 5
    assert {e.kind for e in project.summaries.of(project.relevant[-1])} == {"flush", "txn.commit"}


def plain(count: int) -> str:
    """A module with so many small functions in it."""
    body = "".join(f"def f{n}(s: Session):\n    s.flush()\n    return f{n // 2}(s)\n\n" for n in range(count))
    return f"from sqlalchemy.orm import Session\n\n{body}"


def test_a_module_of_ten_thousand_functions_is_linked(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"main.py": plain(10_000)})
    assert len(project.relevant) == 10_001
    assert {e.kind for e in project.summaries.of(project.relevant[-1])} == {"flush"}


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


def test_twice_the_code_takes_at_most_a_little_more_than_twice_the_time(tmp_path: Path) -> None:
    analysed(tmp_path, wide(50))  # warm: imports, caches of the interpreter
    ratios = []
    gc.disable()  # as the engine does; what other tests left in memory is not link's time
    try:
        for _ in range(3):
            ratios.append(analysed(tmp_path, wide(1600)) / analysed(tmp_path, wide(800)))
            if ratios[-1] <= 2.3:
                return
    finally:
        gc.enable()
    pytest.fail(f"twice the code took {', '.join(f'{r:.2f}' for r in ratios)} times the time")
