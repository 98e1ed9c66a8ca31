"""What libraries do, as data: one TOML file per library, and the strict reader that merges them.

    load(["sqlalchemy.ext.asyncio", "fastapi"])     the rows of these two, of what they build on, and of the always-on
                                                    standard library files

The types of the rows are in ``persist_lint.model.vocabulary``, their words in ``persist_lint.model.effect``. No library
is known by code: what a new one does is told by a new file.
"""

from __future__ import annotations

from persist_lint.vocabulary.check import VocabularyError
from persist_lint.vocabulary.reader import load, shipped

__all__ = ["VocabularyError", "load", "shipped"]
