"""All that one file says: ``module_facts``.

module_facts(b"import time\\n\\ndef wait():\\n    time.sleep(1)\\n")
    body       Import(module="time", binds="time"), FuncDef(index=0)
    functions  FunctionFacts(name="wait", names=("sleep", "time"), body=<encoded ExprStmt(Call(…))>)
"""

from __future__ import annotations

import ast
import hashlib
import sys
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
# The same holds for the size of new threads' stacks.
_STACK_SIZE = threading.Lock()
# CPython 3.10 overruns the stack, where later versions raise, at some 80 bytes for each link of ``a.b().c()…``; what
# ``decode`` lets through has less than 500,000 links. Files up to the safe size need less than any thread has.
_STACK_BYTES = 128 * 2**20
_SAFE_BYTES = 20_000


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
    if sys.version_info < (3, 11) and len(source) > _SAFE_BYTES:
        return _read_on_fresh_stack(text, digest)
    try:
        return _read(text, digest)
    except (RecursionError, MemoryError):
        return _read_on_fresh_stack(text, digest)


def _read_on_fresh_stack(text: str, digest: str) -> ModuleFacts:
    """Reads where nothing is on the stack and there is much of it, so that the outcome depends on the text alone."""
    outcome = [_empty(digest, _count_lines(text), TOO_DEEP)]

    def again() -> None:
        try:
            outcome.append(_read(text, digest))
        except (RecursionError, MemoryError):
            return

    thread = threading.Thread(target=again, name="persist-lint-facts")
    with _STACK_SIZE:
        before = threading.stack_size(_STACK_BYTES)
        try:
            thread.start()
        except RuntimeError:
            # No memory for such a stack: what is known is that this one is too small.
            return outcome[0]
        finally:
            threading.stack_size(before)
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
    doc, rest = docstring(tree.body, unit)
    body = block(rest, Scope(unit, set(), -1, -1, ""))
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
