"""What link and rules answered, kept for the next run over the same project.

All they know comes from the facts of the files, the vocabulary, what surrounds the code, which files are audited and
which rules exist. Where none of that has changed, neither has the answer: selection, severities, confidence and
suppression are applied to it afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from persist_lint.engine.cache import Store, code_state
from persist_lint.model.analysis import Discovered, FamilyRun, FunctionNote
from persist_lint.model.context import Surroundings
from persist_lint.model.finding import Finding
from persist_lint.model.vocabulary import Vocabulary

_LAYERS = ("link", "rules", "context", "engine")


class Answer(Struct, frozen=True, array_like=True):
    """All findings in no particular order, how each family ended, and what else a report wants to know.

    ``notes`` by function name, for the functions with findings.
    """

    raw: tuple[Finding, ...]
    families: tuple[FamilyRun, ...]
    discovered: Discovered
    notes: dict[str, FunctionNote]


def remembered(store: Store | None, key: Callable[[], bytes], fresh: Callable[[], Answer]) -> Answer:
    """The answer of an earlier run with the same key, else a fresh one, which is kept unless a family failed."""
    if store is None:
        return fresh()
    place = key()
    value = store.get(place)
    if value is not None:
        try:
            return msgspec.msgpack.decode(value, type=Answer)
        except msgspec.MsgspecError:
            pass  # as good as absent
    answer = fresh()
    if all(run.status != "error" for run in answer.families):
        try:
            store.put(place, msgspec.msgpack.encode(answer))
        except UnicodeEncodeError:
            return answer  # a lone surrogate in a message: nothing that a cache has to keep
        store.save()
    return answer


def key_of_project(
    contents: Mapping[str, bytes],
    audited: Iterable[str],
    rules: Iterable[str],
    vocabulary: Vocabulary,
    surroundings: Surroundings,
    src: Iterable[str] = (),
) -> bytes:
    """The key of everything that an answer depends on; ``contents`` are the keys of the files' contents by path."""
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    asked = (sorted(audited), sorted(rules), sorted(src))
    told = (code_state(_LAYERS), sorted(contents.items()), asked, vocabulary, surroundings)
    return hashlib.blake2b(encoder.encode(told), digest_size=16, person=b"answer").digest()
