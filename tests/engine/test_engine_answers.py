"""An unchanged project is not linked again, and whatever an answer depends on makes it be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from persist_lint.engine import run
from persist_lint.engine.config import Config
from persist_lint.engine.run import analyse
from persist_lint.model.severity import Confidence, Severity

APP = """\
from sqlalchemy.orm import Session
from models import Job


def read(session: Session, ids: list[int]) -> list[Job]:
    return [session.get(Job, key) for key in ids]
"""
MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase): ...


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "service"
    root.mkdir()
    for name, text in {"setup.cfg": "", "app.py": APP, "models.py": MODELS}.items():
        (root / name).write_text(text)
    return root


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every time that a project is linked."""
    times: list[int] = []
    link = run.link

    def counting(*arguments: Any, **options: Any) -> Any:
        times.append(1)
        return link(*arguments, **options)

    monkeypatch.setattr(run, "link", counting)
    return times


def test_an_unchanged_project_is_answered_from_the_cache(root: Path, linked: list[int]) -> None:
    config = Config()
    first = analyse([root], config)
    assert [one.code for one in first.findings] == ["PSL107"]
    assert analyse([root], config) == first == analyse([root], structs.replace(config, cache=False))
    assert len(linked) == 2
    # what is applied to the answer afterwards is no reason to link again
    assert analyse([root], structs.replace(config, ignore=("PSL107",))).findings == ()
    assert analyse([root], structs.replace(config, min_severity=Severity.CRITICAL)).findings == ()
    assert analyse([root], structs.replace(config, min_confidence=Confidence.POSSIBLE)).findings == first.findings
    assert len(linked) == 2


def _edit(root: Path) -> None:
    (root / "app.py").write_text(APP.replace("session.get(Job, key)", "key"))


def _add(root: Path) -> None:
    (root / "more.py").write_text("x = 1\n")


def _remove(root: Path) -> None:
    (root / "models.py").unlink()


def _declare(root: Path) -> None:
    (root / "requirements.txt").write_text("asyncpg==0.30.0\n")


def _spoil(root: Path) -> None:
    (root / "models.py").write_bytes(b"\x00")


@pytest.mark.parametrize("change", [_edit, _add, _remove, _declare, _spoil])
def test_a_change_is_seen(root: Path, linked: list[int], change: Callable[[Path], None]) -> None:
    config = Config()
    analyse([root], config)
    change(root)
    warm = analyse([root], config)
    assert len(linked) == 2
    assert warm == analyse([root], structs.replace(config, cache=False))


def test_unsaved_text_counts_as_what_the_file_holds(root: Path, linked: list[int]) -> None:
    analyse([root], Config())
    assert analyse([root], Config(), overlay={root / "app.py": "x = 1\n"}).findings == ()
    assert len(analyse([root], Config(), overlay={root / "app.py": APP}).findings) == 1
    assert len(linked) == 2


def test_another_vocabulary_is_another_question(root: Path, linked: list[int]) -> None:
    analyse([root], Config())
    own = root / "own.toml"
    own.write_text('[library]\nkind = "http"\nimports = ["models"]\n')
    analyse([root], Config(vocabulary=(own,)))
    assert len(linked) == 2


def test_what_failed_is_tried_again(root: Path, linked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    entry = next(one for one in run.catalogue.load() if one.rule.number == 107)

    def crash(project: object) -> Any:
        raise KeyError("no such view")

    with monkeypatch.context() as broken:
        broken.setattr(run.catalogue, "load", lambda: (structs.replace(entry, check=crash),))
        assert analyse([root], Config()).families[0].status == "error"
        assert analyse([root], Config()).families[0].status == "error"
    assert len(linked) == 2


def test_a_damaged_cache_is_no_harm(root: Path, linked: list[int]) -> None:
    first = analyse([root], Config())
    (pack,) = (root / run.CACHE_NAME).glob("*.pack")
    content = bytearray(pack.read_bytes())
    for place in range(len(content) // 2, len(content), 7):
        content[place] ^= 0xFF
    pack.write_bytes(content)
    assert analyse([root], Config()) == first
