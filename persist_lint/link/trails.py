"""Following rows through one function, expression by expression: see ``uses_of_rows``; calls are in ``following``.

An expression is followed by what it is part of: assigned, its reads are followed; passed on, the parameter is; what
nobody here understands (stored in an object, yielded, given to a library) is an escape, and silences who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from persist_lint.link.around import Part, plain_names
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Coll, Data, Inst, Lib, Tup, Type, members
from persist_lint.link.sifting import looked_for, once_per_key, sifted
from persist_lint.link.uses_of_rows import Event, EventKind, Ref, Shape, Uses
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.following import Following

#: Builtins that make one value of many.
REDUCING = frozenset({"sum", "min", "max", "any", "all"})


class Trail:
    """The way of one value through one function."""

    def __init__(self, following: Following, function: Function, depth: int) -> None:
        self.following = following
        self.world = following.world
        self.function = function
        self.depth = depth
        self.uses = Uses()
        self.around = following.around(function)
        self.sites = following.world.flow(function).sites
        self._seen: set[tuple[int, Ref]] = set()
        self._collected: set[f.Expr] = set()

    # ------------------------------------------------------------------ what it notes

    def escape(self, why: str, ref: Ref) -> None:
        """Note that the rows go where nobody follows."""
        self.uses.escaped.append((why, ref))

    def event(self, kind: EventKind, node: f.Node, ref: Ref, names: tuple[str, ...] = (), word: str = "") -> None:
        """Note what is done with the rows."""
        self.uses.events.append(Event(kind, node, self.function, ref, names, word))

    # ------------------------------------------------------------------ names

    def named(self, name: str, binder: f.Stmt | None, ref: Ref) -> None:
        """Follow what a name is bound to by a statement (None: a parameter)."""
        if name in self.around.nested:
            self.escape("a nested function may read it", ref)
        for read in self.around.reads(name, binder):
            self.follow(read, ref)

    def bound(self, target: f.Expr, statement: f.Stmt, ref: Ref) -> None:
        """Follow what an assignment target gets."""
        match target:
            case f.Name(id=name):
                self.named(name, statement, ref)
            case f.Seq(items=items) if 0 <= ref.slot < len(items):
                self.bound(items[ref.slot], statement, replace(ref, slot=-1))
            case f.Seq(items=(only,)) if ref.shape == "row":
                self.bound(only, statement, ref.of("one"))
            case f.Subscript(value=f.Name(id=name)) if ref.shape == "one":
                self.collected(name, ref, "map")
            case _:
                self.escape("stored", ref)

    def collected(self, name: str, ref: Ref, shape: Shape) -> None:
        """Follow the list or dictionary that rows are put into, if this function made it, empty."""
        made = self.around.made_empty(name)
        if not made:
            self.escape("put into a collection", ref)
        for statement in made:
            self.named(name, statement, ref.of(shape, part=True))

    def turn(self, target: f.Expr, loop: f.For | f.Comp, ref: Ref) -> None:
        """Follow what a loop's target gets in each turn."""
        shape, inner = item_of(ref, target)
        if shape is None or inner is None:
            self.escape("taken apart in a loop", ref)
            return
        item = ref.of(shape)
        if isinstance(loop, f.Comp):
            for read in (r for name in plain_names(inner) for r in self.around.scoped(name, loop)):
                self.follow(read, item)
        else:
            self.bound(inner, loop, item)

    # ------------------------------------------------------------------ one expression

    def follow(self, node: f.Expr, ref: Ref) -> None:
        """Follow an expression by what it is part of."""
        key = (id(node), ref)
        part = self.around.parent(node)
        if key in self._seen:
            return
        self._seen.add(key)
        if part is None:
            self.escape("not found", ref)
            return
        follower = _FOLLOWERS.get(type(part.node))
        if follower is None:
            self.escape(f"used in {type(part.node).__name__}", ref)
        else:
            follower(self, part, node, ref)

    def transparent(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """``await x``, ``*x``: the same rows."""
        assert isinstance(part.node, f.Await | f.Star)
        self.follow(part.node, ref)

    def alone(self, part: Part, node: f.Expr, ref: Ref) -> None:
        if isinstance(node, f.Call | f.Await) and not ref.path and not ref.copied:
            self.event("dropped", node, ref)

    def assigned(self, part: Part, node: f.Expr, ref: Ref) -> None:
        match part.node:
            case f.Assign(targets=targets) as statement:
                for target in targets:
                    self.bound(target, statement, ref)
            case f.AnnAssign(target=target) as statement:
                self.bound(target, statement, ref)
            case f.AugAssign():
                self.escape("added to something", ref)

    def walrus(self, part: Part, node: f.Expr, ref: Ref) -> None:
        assert isinstance(part.node, f.Walrus)
        statement = self.around.statement(part.node)
        if statement is not None and isinstance(part.node.target, f.Name):
            self.named(part.node.target.id, statement, ref)
        self.follow(part.node, ref)

    def returned(self, part: Part, node: f.Expr, ref: Ref) -> None:
        if self.function.is_generator:
            self.escape("returned by a generator", ref)
        elif ref not in self.uses.returned:
            self.uses.returned.append(ref)

    def tested(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """A test of an ``if``, ``while``, ``assert``, ``not``."""
        if part.role == "test":
            self.event("bool", node, ref)
        elif isinstance(part.node, f.IfExp):
            self.follow(part.node, ref)

    def unary(self, part: Part, node: f.Expr, ref: Ref) -> None:
        self.event("bool", node, ref)

    def boolean(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """``rows and f(rows)``, ``rows or []``: a test, and the value itself where it can be what comes out."""
        assert isinstance(part.node, f.Bool)
        if part.node.values[-1] is not node:
            self.event("bool", node, ref)
        if part.node.op == "or" or part.node.values[-1] is node:
            self.follow(part.node, ref)

    def compared(self, part: Part, node: f.Expr, ref: Ref) -> None:
        assert isinstance(part.node, f.Compare)
        if part.node.ops[0] in ("in", "not in"):
            if part.role == "right":
                self.event("contains", part.node, ref)
        elif ref.shape in ("one", "row") or any(is_none(one) for one in part.node.rights):
            self.event("bool", node, ref)
        else:
            self.escape("compared", ref)

    def raised(self, part: Part, node: f.Expr, ref: Ref) -> None:
        self.escape("raised", ref)

    def looped(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """The iterable of a ``for``."""
        assert isinstance(part.node, f.For)
        loop = part.node
        names = looked_for(self, loop, ref) if ref.shape in ("many", "result") else None
        kind: EventKind = "iterate" if names is None else "distinct" if once_per_key(loop) else "filter"
        self.event(kind, loop, ref, names or ())
        self.turn(loop.target, loop, ref)

    def comprehended(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """An iterable, a condition or an element of a comprehension."""
        comp = part.node
        assert isinstance(comp, f.Comp)
        if part.role == "iter" and part.generator is not None:
            self._iterated(comp, part.generator, ref)
        elif part.role == "if":
            self.event("bool", node, ref)
        elif part.role == "value":
            self._gathered(comp, ref, "map")
        elif comp.value is None:
            self._gathered(comp, ref, "many")

    def _iterated(self, comp: f.Comp, generator: f.Generator, ref: Ref) -> None:
        part = self.around.parent(comp)
        alone = len(comp.generators) == 1
        word = reducer(part) if part is not None and alone else ""
        names = sifted(self, comp, generator, word) if alone and ref.shape in ("many", "result") else None
        plucked = _plucked(comp, generator) if word and not generator.ifs else ""
        self.turn(generator.target, comp, ref if not generator.ifs else replace(ref, part=True))
        if names is not None:
            self.event("filter", comp, ref, names, word)
        elif plucked:
            self.event("reduce", comp, ref, (plucked,), word)
        elif comp not in self._collected or generator.ifs or not alone:
            self.event("iterate", comp, ref)  # else it is the new list that matters

    def _gathered(self, comp: f.Comp, ref: Ref, shape: Shape) -> None:
        """Items collected again: as many as there were, unless some were left out."""
        if ref.shape not in ("one", "row"):
            self.escape("lists collected", ref)
            return
        if shape == "many":
            self._collected.add(comp)
        self.follow(comp, ref.of(shape, part=len(comp.generators) > 1))

    def subscripted(self, part: Part, node: f.Expr, ref: Ref) -> None:
        assert isinstance(part.node, f.Subscript)
        index = part.node.index
        if part.role == "index":
            return  # a key of something else
        if ref.slot >= 0:
            if isinstance(index, f.Const):
                if index.value == ref.slot:
                    self.follow(part.node, replace(ref, slot=-1))
            else:
                self.escape("taken from a tuple", ref)
        elif ref.shape == "row" and isinstance(index, f.Const) and index.value == 0:
            self.follow(part.node, ref.of("one"))
        elif ref.shape == "map":
            self.looked_up(part.node, ref)
        elif ref.shape in ("many", "rows", "result"):
            self._indexed(part.node, index, ref)
        else:
            self.escape("subscripted", ref)

    def looked_up(self, node: f.Expr, ref: Ref) -> None:
        """``by_id[id]``: one of the rows, or each in turn where a comprehension asks for one after the other."""
        outer = self.around.parent(node)
        self.follow(node, ref.of("one", part=outer is None or outer.role != "elt"))

    def _indexed(self, node: f.Subscript, index: f.Expr, ref: Ref) -> None:
        kind: EventKind = "index"
        item: Shape = "row" if ref.shape == "rows" else "one"
        match index:
            case f.Const(value=0):
                kind = "first"
            case f.Unary(op="-", operand=f.Const(value=1)):
                kind = "last"
            case f.Slice():
                kind, item = "slice", ref.shape
        self.event(kind, node, ref)
        self.follow(node, ref.of(item, part=True))

    def displayed(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """In a list or tuple: followed only where a tuple is returned or unpacked at once."""
        assert isinstance(part.node, f.Seq)
        outer = self.around.parent(part.node)
        place = next((i for i, item in enumerate(part.node.items) if item is node), -1)
        plain = not any(isinstance(item, f.Star) for item in part.node.items)
        returned = outer is not None and isinstance(outer.node, f.Return)
        if part.node.kind == "tuple" and plain and ref.slot < 0 and returned and place >= 0:
            self.follow(part.node, replace(ref, slot=place))
            return
        if isinstance(node, f.Star) and part.node.kind == "list":
            self.follow(part.node, replace(ref, part=True))
            return
        self.escape("put into a collection", ref)

    def shown(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """In an f-string: what ``__str__`` or ``__repr__`` of the class reads."""
        method = None
        if ref.cls is not None and ref.shape == "one" and not ref.copied:
            for name in ("__str__", "__repr__"):
                method = method or self.world.classes.find_method(ref.cls, name)
        if method is not None:
            self.uses.add(self.following.parameter(method, 0, ref, self.depth + 1), ref)

    def computed(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """What a lambda gives: for ``map`` the items of a new list, for ``filter`` a test."""
        outer = self.around.parent(part.node) if isinstance(part.node, f.Lambda) else None
        match outer.node if outer is not None else None:
            case f.Call(func=f.Name(id="map"), args=(first, *_)) as call if first is part.node:
                self._collected.add(call)
                self.follow(call, ref.of("many"))
            case f.Call(func=f.Name(id="filter" | "sorted" | "min" | "max")):
                return
            case _:
                self.escape("given by a lambda", ref)

    # ------------------------------------------------------------------ attributes

    def attribute(self, part: Part, node: f.Expr, ref: Ref) -> None:
        attr = part.node
        assert isinstance(attr, f.Attr)
        outer = self.around.parent(attr)
        if outer is not None and outer.role == "func" and isinstance(outer.node, f.Call):
            self.called(outer.node, attr, ref)
        elif ref.shape != "one":
            if not (ref.shape == "result" and attr.name in ("rowcount", "_mapping")):
                self.escape(f"attribute {attr.name}", ref)
        else:
            self.member(attr, outer, ref)

    def member(self, attr: f.Attr, outer: Part | None, ref: Ref) -> None:
        """An attribute of an entity (or of a copy of one): read, written, or a property of the project's."""
        path = (*ref.path, attr.name)
        if outer is not None and outer.role == "target":
            self.uses.written.setdefault(path, attr.at)
            return
        site = self.sites.get(attr)
        targets = [] if site is None else [t.function for t in site.targets if t.function is not None]
        if targets and not ref.copied:
            for function in targets:
                self.uses.add(self.following.parameter(function, 0, ref, self.depth + 1), ref)
            return
        (self.uses.copies if ref.copied else self.uses.read).setdefault(path, attr.at)
        relation = self._relation(ref, attr.name)
        if relation is not None:
            self.follow(attr, replace(relation, copied=ref.copied, part=ref.part))

    def _relation(self, ref: Ref, name: str) -> Ref | None:
        if ref.cls is None or ref.copied or not self.world.models.is_model(ref.cls):
            return None
        info = self.world.models.info(ref.cls)
        found = info.relations.get(name)
        if found is None:
            proxy = info.proxies.get(name)
            if proxy is not None:
                self.uses.read.setdefault((*ref.path, proxy.relation), ref.cls.facts.at)
                self.uses.read.setdefault((*ref.path, proxy.relation, proxy.attribute), ref.cls.facts.at)
            return None
        return Ref("many" if found.many else "one", found.target, (*ref.path, name))

    # ------------------------------------------------------------------ calls: see ``following``

    def called(self, call: f.Call, attr: f.Attr, ref: Ref) -> None:
        """A method of what is followed."""
        raise NotImplementedError

    def passed(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """An argument of a call."""
        raise NotImplementedError


def is_none(expr: f.Expr) -> bool:
    """Whether an expression is ``None``."""
    return isinstance(expr, f.Const) and expr.value is None


def item_of(ref: Ref, target: f.Expr) -> tuple[Shape | None, f.Expr | None]:
    """What a turn over the rows gives, and the target that gets it."""
    match ref.shape, target:
        case (("many" | "result"), f.Name()):
            return "one", target
        case (("many" | "result" | "rows"), f.Seq(items=(only,))):
            return "one", only
        case "rows", f.Name():
            return "row", target
        case "numbered", f.Seq(items=(_, second)):
            return "one", second
        case "grouped", f.Seq(items=(_, second)):
            return "many", second
        case "map", _:
            return None, None
    return None, None


def reducer(part: Part) -> str:
    """The builtin that a comprehension is handed to at once: ``sum``, ``len`` …"""
    match part.node:
        case f.Call(func=f.Name(id=name)) if part.role == "arg":
            return name if name in REDUCING or name == "len" else ""
    return ""


def _plucked(comp: f.Comp, generator: f.Generator) -> str:
    """The attribute of the item that a comprehension collects; "" where it is anything else."""
    match comp.elt, generator.target:
        case f.Attr(value=f.Name(id=name), name=attribute), f.Name(id=target) if name == target:
            return attribute
    return ""


def shape_of(kind: Type) -> tuple[Shape | None, Class | None]:
    """The shape of a value by its type, and the class of the entity."""
    for one in members(kind):
        match one:
            case Inst(cls=cls):
                return "one", cls
            case Data():
                return "one", None
            case Coll(item=item):
                inner, of = shape_of(item)
                return ("many", of) if inner == "one" else ("rows", of) if inner == "row" else (None, None)
            case Tup(items=items) if items:
                return "row", shape_of(items[0].type)[1]
            case Lib():
                return "result", None
    return None, None


_FOLLOWERS: dict[type, Callable[[Trail, Part, f.Expr, Ref], None]] = {
    f.Await: Trail.transparent,
    f.Star: Trail.transparent,
    f.ExprStmt: Trail.alone,
    f.Assign: Trail.assigned,
    f.AnnAssign: Trail.assigned,
    f.AugAssign: Trail.assigned,
    f.Walrus: Trail.walrus,
    f.Return: Trail.returned,
    f.If: Trail.tested,
    f.While: Trail.tested,
    f.Assert: Trail.tested,
    f.IfExp: Trail.tested,
    f.Unary: Trail.unary,
    f.Bool: Trail.boolean,
    f.Compare: Trail.compared,
    f.Raise: Trail.raised,
    f.For: Trail.looped,
    f.Comp: Trail.comprehended,
    f.Subscript: Trail.subscripted,
    f.Seq: Trail.displayed,
    f.FString: Trail.shown,
    f.Lambda: Trail.computed,
    f.Attr: Trail.attribute,
    f.Call: lambda trail, part, node, ref: trail.passed(part, node, ref),
}
