"""What kind of repetition a loop is: per item, a known few, chunks, retries, polling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.generated import WAITS, bound_of_generator
from persist_lint.link.index import Class
from persist_lint.link.lattice import ClassObj, Closure, Fn, Inst, Partial, Tup, Value, members, unknown
from persist_lint.link.single import holds_one_at_most
from persist_lint.link.sites import Bound, Loop
from persist_lint.link.tree import blocks, heads, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator

SMALL = 10
CHUNKERS = frozenset(
    {"batched", "chunked", "chunks", "chunk", "batch", "batches", "iter_batches", "partitions", "sliced"}
)
ITERATING = {"builtins.map": 1, "builtins.filter": 1, "builtins.sorted": 0, "builtins.min": 0, "builtins.max": 0}
TAKERS = frozenset({"pop", "popleft", "get_nowait", "heappop"})


def classify(walker: Evaluator, node: f.For | f.While | f.Generator, iterated: Value | None) -> Loop:
    """The loop that a statement or comprehension clause makes."""
    if isinstance(node, f.While):
        bound: Bound = "none" if takes_items(node) else "polling"
        place = (node.at.line, node.at.column)
        return Loop("while", node.at, place, unknown("while"), bound, stops_at_first_hit(node.body), node=node)
    at = node.at if isinstance(node, f.For) else node.target.at
    place = (at.line, at.column)
    kind = "for" if isinstance(node, f.For) else "comprehension"
    bound = bound_of(walker, node.iter, iterated)
    body = node.body if isinstance(node, f.For) else ()
    if isinstance(node, f.For) and _counts_up(node.iter) and (is_steps(node) or (bound == "small" and is_retry(node))):
        bound = "retry"
    if bound == "none" and isinstance(node, f.For) and _is_attempts(walker, node, iterated):
        bound = "retry"
    if bound == "none" and _has_one_item(walker, node.iter):
        bound = "one"
    if bound == "none" and _takes_what_arrives(walker, node, iterated):
        bound = "polling"
    if bound == "none" and (site := walker.flow.sites.get(node.iter)) is not None:
        made = (bound_of_generator(walker.world, t.function) for t in site.targets if t.function is not None)
        bound = next((one for one in made if one != "none"), bound)
    found = node if isinstance(node, f.For) else None
    return Loop(
        kind, at, place, iterated or unknown("loop"), bound, stops_at_first_hit(body), False, node.target, found
    )


def _has_one_item(walker: Evaluator, expr: f.Expr) -> bool:
    function = walker.function
    return isinstance(expr, f.Name) and not function.is_module and holds_one_at_most(function.body, expr.id)


def _is_attempts(walker: Evaluator, node: f.For, iterated: Value | None) -> bool:
    """``for attempt in retrying(…): with attempt: …``: what a retry library gives is entered, and nothing else done."""
    match node:
        case f.For(
            target=f.Name(id=name), iter=f.Call(), body=(f.With(items=(f.WithItem(context=f.Name(id=entered)),)),)
        ):
            known = (walker.world.element(iterated).type,) if iterated is not None else ()
            return name == entered and not any(isinstance(k, Inst) for kind in known for k in members(kind))
    return False


def _takes_what_arrives(walker: Evaluator, node: f.For | f.Generator, iterated: Value | None) -> bool:
    """Whether each turn waits for a message: a websocket, a subscription, a queue's channel."""
    rows = [walker.world.iteration_row(kind) for kind in members(iterated.type)] if iterated is not None else []
    site = walker.flow.sites.get(node.iter)
    if site is not None and node.is_async:
        rows += [target.row for target in site.targets]
    return any(row is not None and not WAITS.isdisjoint(row.does) for row in rows)


def bound_of(walker: Evaluator, expr: f.Expr, iterated: Value | None) -> Bound:
    """How many turns: what the iterated expression shows."""
    match expr:
        case f.Seq(items=items):
            return "none" if any(isinstance(i, f.Star) for i in items) or len(items) > SMALL else "small"
        case f.DictLit(keys=keys):
            return "small" if len(keys) <= SMALL else "none"
        case f.Call(func=f.Name(id="range"), args=args):
            return _range(args)
        case f.Call(func=f.Name(id="enumerate" | "reversed" | "sorted" | "list" | "tuple"), args=(inner, *_)):
            return bound_of(walker, inner, walker.flow.names.get(inner))
        case f.Call(func=func) if _last(func) in CHUNKERS:
            return "chunk"
        case f.Call(func=f.Attr(name="partitions")):
            return "chunk"
        case f.Call(func=f.Attr(value=base, name="items" | "keys" | "values")):
            return bound_of(walker, base, walker.flow.names.get(base))
        case f.Name(id=name):
            known = walker.known_size(name)
            if known is not None:
                return "small" if known <= SMALL else "none"
    if iterated is not None:
        kind = iterated.type
        if isinstance(kind, ClassObj) and is_enum(walker, kind.cls):
            return "small"
        if isinstance(kind, Tup) and 0 < len(kind.items) <= SMALL:
            return "small"
    return "none"


def is_enum(walker: Evaluator, cls: Class) -> bool:
    """Whether the class is an enumeration."""
    return any(
        b.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum", "Flag") for b in walker.world.classes.library_bases(cls)
    )


def _range(args: tuple[f.Expr, ...]) -> Bound:
    if len(args) == 3:
        return "none" if isinstance(args[2], f.Const) and args[2].value in (1, -1) else "chunk"
    numbers = [a.value for a in args if isinstance(a, f.Const) and isinstance(a.value, int)]
    if len(numbers) == len(args) and numbers:
        count = numbers[0] if len(numbers) == 1 else numbers[1] - numbers[0]
        return "small" if count <= SMALL else "none"
    return "none"


def is_retry(node: f.For) -> bool:
    """A counted loop that tries something and leaves when it worked."""
    return any(isinstance(s, f.Try) and (_leaves(s.body) or _leaves(s.orelse)) for s in node.body)


def is_steps(node: f.For) -> bool:
    """``for attempt in range(limit)`` that ends early: attempts, pages, or an agent's steps, not one turn per item."""
    if isinstance(node.target, f.Name):
        name = node.target.id
        for statement in statements(node.body):
            for head in heads(statement):
                for part in post_order(head):
                    if isinstance(part, f.Subscript) and isinstance(part.index, f.Name) and part.index.id == name:
                        return False
    return _ends_early(node.body)


def _counts_up(expr: f.Expr) -> bool:
    match expr:
        case f.Call(func=f.Name(id="range") | f.Attr(value=f.Name(id="itertools"), name="count")):
            return True
    return False


def _ends_early(body: tuple[f.Stmt, ...]) -> bool:
    """Whether some turn leaves the loop by itself: a ``break`` or ``return`` outside of nested loops."""
    for statement in body:
        if isinstance(statement, f.Return) or (isinstance(statement, f.Jump) and statement.kind == "break"):
            return True
        if not isinstance(statement, f.For | f.While) and any(_ends_early(block) for block in blocks(statement)):
            return True
    return False


def _leaves(body: tuple[f.Stmt, ...]) -> bool:
    return any(
        isinstance(s, f.Return)
        or (isinstance(s, f.Jump) and s.kind == "break")
        or (isinstance(s, f.With) and _leaves(s.body))
        for s in body
    )


def takes_items(node: f.While) -> bool:
    """Whether a ``while`` consumes a collection: it pops, or counts an index up to a bound."""
    if any(_pops(s) for s in node.body):
        return True
    match node.test:
        case f.Compare(left=f.Name(id=name), ops=("<" | "<=",)):
            steps = [s for s in node.body if isinstance(s, f.AugAssign) and isinstance(s.target, f.Name)]
            return any(
                s.target.id == name and isinstance(s.value, f.Const) and s.value.value == 1  # type: ignore[union-attr]
                for s in steps
            )
    return False


def _pops(statement: f.Stmt) -> bool:
    nodes = (node for head in heads(statement) for node in post_order(head))
    return any(isinstance(node, f.Call) and _last(node.func) in TAKERS for node in nodes)


def of_call(walker: Evaluator, name: str, row: Row, args: tuple[Value, ...], expr: f.Call) -> Loop | None:
    """The loop that ``map(f, items)`` and its kin make; None for calls that run what they are given once."""
    functions = args and any(isinstance(k, Fn | Partial | Closure) for k in members(args[0].type))
    number = ITERATING.get(name, 1 if functions and row.gives == "gathered" else -1)
    if not row.runs or not 0 <= number < len(args):
        return None
    over = expr.args[number] if number < len(expr.args) else expr.func  # ``items.sort(key=…)``
    bound = bound_of(walker, over, args[number])
    concurrent = any(run.concurrent for run in row.runs)
    return Loop("map", expr.at, (expr.at.line, expr.at.column), args[number], bound, False, concurrent, None, expr)


def stops_at_first_hit(body: tuple[f.Stmt, ...]) -> bool:
    """``x = look(item); if x: return x`` (or break): the loop ends as soon as one turn finds something."""
    found: set[str] = set()
    for statement in body:
        match statement:
            case f.Assign(targets=(f.Name(id=name),)):
                found.add(name)
            case f.If(test=test, body=inner, orelse=()):
                hit = _names(test) & found or (isinstance(test, (f.Call, f.Await, f.Walrus)))
                if hit and inner and _leaves(inner[-1:]) and not _denies(test):
                    return True
    return False


def _denies(test: f.Expr) -> bool:
    """``not x`` / ``x is None``: leaving on a miss is a guard, not a first hit."""
    match test:
        case f.Unary(op="not"):
            return True
        case f.Compare(ops=("is",), rights=(f.Const(value=None),)):
            return True
    return False


def _names(test: f.Expr) -> set[str]:
    match test:
        case f.Name(id=name):
            return {name}
        case f.Compare(left=left):
            return _names(left)
        case f.Unary(operand=operand):
            return _names(operand)
        case f.Bool(values=values):
            return {n for v in values for n in _names(v)}
        case f.Attr(value=value):
            return _names(value)
    return set()


def _last(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name) | f.Attr(name=name):
            return name
    return ""
