"""Linking is linear in practice: twice the code takes at most 2.3 times the work.

Work is counted in calls of Python functions, which no busy machine changes.
"""

from __future__ import annotations

import cProfile
import pstats
import re
from pathlib import Path

import pytest

from persist_lint.engine.config import Config
from persist_lint.engine.run import analyse

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "job_service" / "app"
#: What every copy calls: its callers are twice as many, too.
SHARED = """
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def note(session: AsyncSession, entity, key: int):
    found = await session.execute(select(entity).where(entity.id == key))
    await session.commit()
    return found.scalar_one()
"""
CALLER = """
from shared import note
from {app}.models import Job


async def all_of(session, keys: list[int]):
    return [await note(session, Job, key) for key in keys]
"""


def _work(root: Path, copies: int) -> int:
    """Calls of functions that an analysis of so many copies of the example takes."""
    (root).mkdir()
    (root / "shared.py").write_text(SHARED)
    for number in range(copies):
        name = f"app{number}"
        for source in sorted(EXAMPLE.rglob("*.py")):
            target = root / name / source.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(re.sub(r"\bapp\b(?=[. ])", name, source.read_text("utf-8")), "utf-8")
        (root / name / "extra.py").write_text(CALLER.format(app=name))
    profile = cProfile.Profile()
    answer = profile.runcall(analyse, [root], Config(cache=False))
    assert len(answer.findings) > 10 * copies
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("copies", [6])
def test_twice_the_code_takes_hardly_more_than_twice_the_work(tmp_path: Path, copies: int) -> None:
    once, twice = (_work(tmp_path / str(n), n) for n in (copies, 2 * copies))
    assert twice <= 2.3 * once
