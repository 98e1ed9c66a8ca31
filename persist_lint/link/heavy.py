"""Heavy computation on the event loop: which calls keep it busy, and which of them are one piece of work.

Rows of the vocabulary say what computes: "large" work (key derivation, images, documents, archives, models) always
counts, but for constant input; "small" work (JSON) only over data of unknown size: what an asynchronous read of a file
gave, or the body of a request.

    content = await upload.read()         of unknown size
    data = json.loads(content)            counts
    json.loads(row.settings)              does not: nothing says that it is large
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.blocking import Blocked, Blocking
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.iteration import awaited
from persist_lint.link.lattice import PACKAGE_SYM, Inst, Sym, members
from persist_lint.link.sites import Site
from persist_lint.link.tree import post_order
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

CPU = frozenset({"cpu"})
#: Shapes of names under which a class has an asynchronous twin of a method.
TWINS = ("{}_async", "a{}", "async_{}", "{}_in_thread", "{}_in_worker_thread")


class Heavy(Struct, frozen=True, eq=False):
    """A call on the loop that computes for long; ``more`` are further calls of the same library nearby.

    ``source`` of small work says why its data may be large: they are a "file", or the "body" of a request; else "".
    """

    site: Site
    effect: Effect
    more: tuple[Site, ...]
    source: str


def heavy_calls(world: World, blocking: Blocking, function: Function) -> list[Heavy]:
    """The pieces of heavy work that a function on the loop does there, in order of place.

    Calls of one library in the function itself are one piece of work, at the first, and so are those of methods of one
    object that it was given or made (an archive that is filled).
    """
    found: dict[object, list[tuple[Blocked, Effect]]] = {}
    for blocked in blocking.calls(function, CPU):
        effects = [e for e in blocked.effects if _counts(world, e)]
        if not effects:
            continue
        effect = min(effects, key=_is_light)
        found.setdefault(_piece(effect) or blocked.site, []).append((blocked, effect))
    return [
        Heavy(first.site, effect, tuple(b.site for b, _ in rest), _source(world, effect) if _is_light(effect) else "")
        for (first, effect), *rest in found.values()
    ]


def _piece(effect: Effect) -> object:
    """What all calls of one piece of work have in common; None for a call that is one of its own."""
    library = effect.leaf.subject.partition(".")[0]
    if effect.via is None:
        return library
    bound = effect.target.bound if effect.target is not None else None
    if bound is None or bound.sym[0] not in ("param", "new", "open", "call"):
        return None
    is_self = bound.sym == ("param", 0) and effect.function.is_method
    return None if is_self else (bound.sym, library)


def twin_of(world: World, site: Site) -> str:
    """The asynchronous method that the class has beside the plain one that is called; "" if it has none."""
    for target in site.targets:
        function, bound = target.function, target.bound
        if function is None or function.owner is None or bound is None:
            continue
        for kind in members(bound.type):
            owner = kind.cls if isinstance(kind, Inst) else function.owner
            for shape in TWINS:
                twin = world.classes.find_method(owner, shape.format(function.name))
                if twin is not None and twin.is_async:
                    return twin.name
    return ""


def is_heavy(world: World, effect: Effect) -> bool:
    """Whether a computation takes long wherever it runs, as far as its input is known."""
    return not _is_light(effect) and _counts(world, effect)


def _is_light(effect: Effect) -> bool:
    """Whether it is small work, which is named only where there is no heavier."""
    target = effect.leaf.target
    return target is not None and target.row is not None and target.row.cost == "small"


def _counts(world: World, effect: Effect) -> bool:
    """Whether the work is heavy as far as its input is known."""
    leaf = effect.leaf
    row = leaf.target.row if leaf.target is not None else None
    if row is None:
        return True
    if any(_is_small(step.key) for step in effect.chain):
        return False
    if row.cost == "small":
        return _source(world, effect) != ""
    return row.cost == "large" and not _of_constants(leaf, row.of)


def _is_small(key: Sym) -> bool:
    """Whether the input is a file of the package."""
    return key == PACKAGE_SYM or (key[0] == "item" and key[2] == PACKAGE_SYM)


def _of_constants(leaf: Effect, words: str) -> bool:
    """Whether the data themselves are written in the code: ``BeautifulSoup("<p></p>")``, not a path."""
    assert leaf.target is not None and leaf.target.row is not None
    if not words or leaf.target.row.key or leaf.site is None or not isinstance(leaf.site.node, f.Call):
        return False
    first = leaf.site.node.args[:1]
    return (
        bool(first)
        and all(isinstance(node, f.Const | f.Bytes | f.Seq | f.DictLit | f.Call) for node in first)
        and (all(not isinstance(part, f.Name | f.Attr | f.Await) for node in first for part in _data(node)))
    )


def _data(node: f.Expr) -> Iterator[f.Expr]:
    """The parts of an expression; of ``"…".encode()``, what is encoded."""
    inner = node.func.value if isinstance(node, f.Call) and isinstance(node.func, f.Attr) else node
    return post_order(inner)


def _source(world: World, effect: Effect) -> str:
    """Where the data come from, looked up on the way from the leaf: a file read asynchronously, a body, or ""."""
    for step in effect.chain:
        if step.key[0] not in ("call", "open"):
            continue
        for site in world.flow(step.function).sites.values():
            if (site.at.line, site.at.column) == step.key[1] and awaited(site.result).sym == step.key:
                return _kind_of_source(world, site)
    return ""


def _kind_of_source(world: World, site: Site) -> str:
    for target in site.targets:
        if target.row is None or not site.awaited:
            continue
        if "file.read" in target.row.does:
            return "file"
        if target.bound is not None and any(world.kind(k) == "request" for k in members(target.bound.type)):
            return "body"
    return ""
