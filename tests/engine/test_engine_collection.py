"""A run switches the cyclic collector off, and leaves it as it found it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from persist_lint.engine import run
from persist_lint.engine.config import Config


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector as the tests found it."""
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_rests_while_a_project_is_analysed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (tmp_path / "a.py").write_text("import time\n")
    seen: list[bool] = []
    families = run.run_families

    def watched(*arguments: object) -> object:
        seen.append(gc.isenabled())
        return families(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "run_families", watched)
    (gc.enable if enabled else gc.disable)()
    run.analyse([tmp_path], structs.replace(Config(), cache=False))
    assert (seen, gc.isenabled()) == ([False], enabled)
