"""Which functions any rule could speak of.

A function is a seed when it, or its module, names something from a vocabulary; the closure goes upward over names that
calls mention: cheap, and only ever too large. All others have no effects and are not walked for their own sake.
"""

from __future__ import annotations

from collections import defaultdict

from persist_lint.link.index import Function, Index, last_name
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Vocabulary

#: Method names too common to connect functions by name: everything would be relevant to everything.
COMMON = frozenset({
    "append", "cls", "copy", "debug", "decode", "dict", "encode", "endswith", "error", "exception", "extend",
    "format", "get", "info", "int", "isinstance", "items", "join", "keys", "len", "list", "log", "logger", "lower",
    "pop", "property", "replace", "self", "set", "split", "startswith", "str", "strip", "super", "update", "upper",
    "values", "warning",
})  # fmt: skip


def relevant(index: Index, vocabulary: Vocabulary) -> list[Function]:
    """The functions worth walking, in order of path and place."""
    words = vocabulary_words(vocabulary) | shared_objects(index, vocabulary)
    marked: set[Function] = set()
    mentions: dict[str, list[Function]] = defaultdict(list)
    functions = list(index.functions())
    for function in functions:
        for name in function.facts.names:
            mentions[name].append(function)
        if function.is_module or function.is_async or not words.isdisjoint(function.facts.names):
            marked.add(function)
    queue = sorted(marked, key=lambda one: (one.module.path, one.number))
    while queue:
        function = queue.pop()
        name = function.name
        if name in ("__init__", "__call__", "__enter__", "__aenter__") and function.owner is not None:
            name = function.owner.name
        if name in COMMON:
            callers = [one for one in mentions[name] if one.module is function.module]
        else:
            callers = mentions[name]
        for caller in callers:
            if caller not in marked:
                marked.add(caller)
                queue.append(caller)
    return [function for function in functions if function in marked]


def shared_objects(index: Index, vocabulary: Vocabulary) -> frozenset[str]:
    """Module-level names of application-wide objects: ``Session = sessionmaker(…)``, ``client = httpx.Client()``."""
    makers = {dotted.rpartition(".")[2] for dotted, row in vocabulary.functions.items() if row.level}
    makers |= {n.rpartition(".")[2] for n, t in vocabulary.types.items() if t.new is not None and t.new.level}
    return frozenset(
        target.id
        for module in index.modules.values()
        for statement in module.facts.body
        if isinstance(statement, f.Assign)
        and isinstance(statement.value, f.Call)
        and last_name(statement.value) in makers
        for target in statement.targets
        if isinstance(target, f.Name)
    )


def vocabulary_words(vocabulary: Vocabulary) -> frozenset[str]:
    """The last names of everything in the vocabulary that has effects, and of the types that have methods with some."""
    words: set[str] = set()
    for dotted, row in vocabulary.functions.items():
        if row.does or row.runs or row.marks or row.level:
            words.add(dotted.rpartition(".")[2])
    for dotted, found in vocabulary.types.items():
        rows = [*found.method.items(), ("", found.new), ("", found.call)]
        if any(row is not None and (row.does or row.marks) for _, row in rows):
            words.add(dotted.rpartition(".")[2])
        words.update(name for name, row in rows if row is not None and row.does and name not in COMMON)
    return frozenset(words - {""})
