"""All that one file says: ``module_facts``.

module_facts(b"import time\\n\\ndef wait():\\n    time.sleep(1)\\n")
    body       Import(module="time", binds="time"), FuncDef(index=0)
    functions  FunctionFacts(name="wait", names=("sleep", "time"), body=<encoded ExprStmt(Call(…))>)
"""

from __future__ import annotations

import ast
import hashlib
import threading
import warnings

from persist_lint.facts.comments import suppressions
from persist_lint.facts.decode import decode
from persist_lint.facts.definitions import STATEMENTS, docstring
from persist_lint.facts.heads import Heads
from persist_lint.facts.parse import TOO_DEEP, parse
from persist_lint.facts.scope import Scope, Unit
from persist_lint.facts.statements import block
from persist_lint.model.facts import FACTS_VERSION, ModuleFacts, Problem

# ``catch_warnings`` swaps the interpreter's filters: two threads must not do that at the same time.
_QUIET = threading.Lock()


def content_digest(source: bytes) -> str:
    """The hex content hash (BLAKE2b, 160 bits) by which facts are kept."""
    return hashlib.blake2b(source, digest_size=20).hexdigest()


def module_facts(source: bytes) -> ModuleFacts:
    """The facts of one file's bytes. Never raises: a file that cannot be understood has ``problem`` set and no code.

    Pure, and the same whatever stack the caller stands on.
    """
    digest = content_digest(source)
    text = decode(source)
    if isinstance(text, Problem):
        return _empty(digest, _count_lines(source.decode("latin-1")), text)
    try:
        return _read(text, digest)
    except (RecursionError, MemoryError):
        return _read_on_fresh_stack(text, digest)


def _read_on_fresh_stack(text: str, digest: str) -> ModuleFacts:
    """Tries again where nothing is on the stack, so that the outcome depends on the text alone."""
    outcome = [_empty(digest, _count_lines(text), TOO_DEEP)]

    def again() -> None:
        try:
            outcome.append(_read(text, digest))
        except (RecursionError, MemoryError):
            return

    thread = threading.Thread(target=again, name="persist-lint-facts")
    thread.start()
    thread.join()
    return outcome[-1]


def _read(text: str, digest: str) -> ModuleFacts:
    with _QUIET, warnings.catch_warnings():
        # Invalid escapes and the like are none of our business, even under ``-W error``.
        warnings.simplefilter("ignore")
        tree = parse(text)
        if isinstance(tree, Problem):
            return _empty(digest, _count_lines(text), tree)
        return _lower(tree, text, digest)


def _lower(tree: ast.Module, text: str, digest: str) -> ModuleFacts:
    heads = Heads(text)
    unit = Unit(STATEMENTS, heads)
    doc, rest = docstring(tree.body)
    if rest is not tree.body and tree.body[0].lineno != tree.body[0].end_lineno:
        heads.record(tree.body[0])
    mentioned: set[str] = set()
    body = block(rest, Scope(unit, mentioned.add, -1, -1, ""))
    return ModuleFacts(
        version=FACTS_VERSION,
        digest=digest,
        lines=_count_lines(text),
        docstring=doc,
        body=body,
        functions=tuple([function for function in unit.functions if function is not None]),
        classes=tuple([cls for cls in unit.classes if cls is not None]),
        imports=tuple(unit.imports),
        comments=suppressions(text),
        statements=tuple(sorted(heads.found)),
        problem=None,
    )


def _empty(digest: str, lines: int, problem: Problem) -> ModuleFacts:
    return ModuleFacts(FACTS_VERSION, digest, lines, "", (), (), (), (), (), (), problem)


def _count_lines(text: str) -> int:
    """Physical lines, a last one without line end included."""
    return text.count("\n") + (not text.endswith("\n") and text != "")
