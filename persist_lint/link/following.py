"""Following rows into calls: builtins, methods of results and lists, converters, functions of the project.

[job.to_schema() for job in jobs]        to_schema reads what it reads; the schemas are copies of the rows
names_of(jobs)                           the parameter is followed, and what comes back of it
"""

from __future__ import annotations

from msgspec.structs import replace

from persist_lint.link.around import Around, Part
from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited
from persist_lint.link.lattice import ClassObj, Data, Inst, LibFn, LibMethod, Type, Unknown, Value, members
from persist_lint.link.schemas import named_by
from persist_lint.link.sites import Site, Target
from persist_lint.link.trails import Trail, is_none, shape_of
from persist_lint.link.uses_of_rows import Ref, Shape, Uses, moved
from persist_lint.link.world import World
from persist_lint.model import facts as f

MAX_CALLS = 5
#: Methods of a result that give its first row and say nothing of others, and those that want exactly one.
FIRST = frozenset({"first", "scalar", "fetchone"})
ONE = frozenset({"one", "one_or_none", "scalar_one", "scalar_one_or_none"})
#: What a row of the vocabulary says a call gives, where the statement is not known.
GIVEN: dict[str, Shape] = {"entities": "many", "scalars": "many", "rows": "rows", "scalar": "one", "row": "row"}
SAME = frozenset({"list", "tuple", "iter", "aiter", "reversed", "set", "frozenset"})
SHOWING = frozenset({"str", "repr", "print", "format"})
HARMLESS = frozenset({"isinstance", "id", "type", "hash", "callable", "hasattr"})
EXTREMES = frozenset({"min", "max"})
LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
VALIDATING = frozenset({"model_validate", "from_orm", "parse_obj"})
#: Methods of sessions that leave an entity's attributes as they are.
KEEPING = frozenset({"refresh", "add", "add_all", "expunge", "expire", "merge"})
#: Methods of lists and dictionaries that read nothing of the items.
LISTS = frozenset({"append", "extend", "insert", "add", "update", "clear", "setdefault", "keys", "remove", "discard"})


class Following:
    """Follows rows; the answers for parameters are kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._around: dict[Function, Around] = {}
        self._params: dict[tuple[Function, int, Ref], Uses] = {}

    def around(self, function: Function) -> Around:
        """Parents and bindings of a function as written."""
        origin = function.origin
        if origin not in self._around:
            self._around[origin] = Around(origin)
        return self._around[origin]

    def trail(self, function: Function, depth: int = 0) -> Trail:
        """A way through a function, nothing followed yet."""
        return CallTrail(self, function, depth)

    def value(self, function: Function, node: f.Expr, ref: Ref) -> Uses:
        """What becomes of what an expression gives."""
        trail = self.trail(function)
        trail.follow(node, ref)
        return trail.uses

    def parameter(self, function: Function, number: int, ref: Ref, depth: int) -> Uses:
        """What a function does with a parameter, and which of its results come from it."""
        while function.decorates is not None:
            function = function.decorates
        if number >= len(function.params):
            return Uses(escaped=[("no such parameter", ref)])
        plain = Ref(ref.shape, ref.cls, (), ref.copied)
        key = (function, number, plain)
        if key not in self._params:
            if depth > MAX_CALLS:
                return Uses(escaped=[("too many calls", ref)])
            self._params[key] = Uses(escaped=[("recursion", plain)])
            trail = self.trail(function, depth)
            trail.named(function.params[number].name, None, plain)
            self._params[key] = trail.uses
        return self._params[key]


class CallTrail(Trail):
    """A trail that goes through calls."""

    # ------------------------------------------------------------------ methods of what is followed

    def called(self, call: f.Call, attr: f.Attr, ref: Ref) -> None:
        """``rows.all()``, ``job.to_schema()``, ``by_id.get(…)``."""
        site = self.sites.get(call)
        functions = [] if site is None else [t.function for t in site.targets if t.function is not None]
        if not functions and ref.shape == "one" and ref.cls is not None:
            found = self.world.classes.find_method(ref.cls, attr.name)  # the list was not known to hold this class
            functions = [found] if found is not None else []
        if ref.slot >= 0:
            self.escape("method of a tuple", ref)
        elif functions and site is not None:
            for function in functions:
                self.handed(call, site, function, 0, ref)
        elif ref.shape == "result":
            self._of_result(call, attr.name, site, ref)
        elif ref.shape in ("many", "rows"):
            self._of_list(call, attr.name, ref)
        elif ref.shape == "map":
            self._of_map(call, attr.name, ref)
        elif ref.shape == "row" and attr.name in ("_asdict", "_mapping"):
            self.escape("a row is taken apart", ref)
        else:
            self.escape(f"method {attr.name}", ref)

    def _of_result(self, call: f.Call, name: str, site: Site | None, ref: Ref) -> None:
        kind = awaited(site.result).type if site is not None else None
        shape, cls = shape_of(kind) if kind is not None else (None, None)
        if shape is None and site is not None:
            rows = [t.row.gives for t in site.targets if t.row is not None]
            shape = GIVEN.get(rows[0]) if rows else None
        if name in FIRST:
            self.event("first", call, ref, (), name)
        if name == "all" or name.startswith("fetch") or name in FIRST | ONE or shape == "result":
            if shape is not None:
                found = replace(ref, shape=shape, cls=cls or ref.cls, part=ref.part or name in FIRST | ONE)
                self.follow(call, found)
            elif not isinstance(kind, Data):
                self.escape(f"result of {name}", ref)
        elif name not in ("close", "keys"):
            self.escape(f"method {name} of a result", ref)

    def _of_list(self, call: f.Call, name: str, ref: Ref) -> None:
        if name == "pop":
            self.event("index", call, ref)
            self.follow(call, ref.of("one", part=True))
        elif name == "copy":
            self.follow(call, ref)
        elif name in ("index", "count"):
            self.event("contains", call, ref)
        elif name == "sort":
            self._keyed(call, ref)
            self.event("sort", call, ref)
        elif name not in LISTS and name != "reverse":
            self.escape(f"method {name} of a list", ref)

    def _of_map(self, call: f.Call, name: str, ref: Ref) -> None:
        if name in ("get", "pop"):
            self.looked_up(call, ref)
        elif name == "values":
            self.follow(call, ref.of("many"))
        elif name == "items":
            self.follow(call, ref.of("numbered"))
        elif name == "copy":
            self.follow(call, ref)
        elif name not in LISTS:
            self.escape(f"method {name} of a dictionary", ref)

    # ------------------------------------------------------------------ arguments

    def passed(self, part: Part, node: f.Expr, ref: Ref) -> None:
        """What is followed is an argument."""
        call = part.node
        assert isinstance(call, f.Call)
        site = self.sites.get(call)
        callee = site.callee.type if site is not None else None
        if ref.slot >= 0 or site is None:
            self.escape("an argument", ref)
        elif isinstance(callee, LibFn):
            home, _, name = callee.name.rpartition(".")
            self._function(call, part, node, name if home in ("builtins", "typing") else callee.name, ref)
        elif isinstance(callee, LibMethod):
            self._method(call, site, callee, part, ref)
        else:
            self._project(call, site, part, node, ref)

    def _function(self, call: f.Call, part: Part, node: f.Expr, name: str, ref: Ref) -> None:
        """A function of the standard library."""
        first = bool(call.args) and call.args[0] is node
        if name in HARMLESS:
            return
        if name in ("len", "bool"):
            self.event("len" if name == "len" and not self._is_test(call) else "bool", call, ref)
        elif name in SHOWING:
            self.shown(part, node, ref)
        elif name == "cast" or (name in SAME and first):
            self.follow(call, ref.of("many") if ref.shape == "result" else ref)
        elif name == "next" and first:
            self.event("first", call, ref, (), "next")
            self.follow(call, ref.of("row" if ref.shape == "rows" else "one", part=True))
        elif name == "enumerate" and first and ref.shape in ("many", "result"):
            self.event("iterate", call, ref)
            self.follow(call, ref.of("numbered"))
        elif name == "sorted" and first:
            self._keyed(call, ref)
            self.event("sort", call, ref)
            self.follow(call, ref.of("many"))
        elif name in EXTREMES and first and len(call.args) == 1 and call.keywords:
            self._keyed(call, ref)
            self.event("reduce", call, ref, (), name)
            self.follow(call, ref.of("one", part=True))
        elif name in ("map", "filter") and not first and isinstance(call.args[0], f.Lambda):
            self._mapped(call, call.args[0], name, ref)
        elif name in ("any", "all"):
            self.event("bool", call, ref)
        elif name == "getattr" and first:
            self._got(call, ref)
        elif name == "asyncio.gather" and isinstance(node, f.Star):
            self.follow(call, ref)
        elif name == "itertools.groupby" and first:
            self._keyed(call, ref)
            self.event("iterate", call, ref)
            self.follow(call, ref.of("grouped", part=True))
        else:
            self.escape(f"passed to {name}", ref)

    def _mapped(self, call: f.Call, function: f.Lambda, name: str, ref: Ref) -> None:
        """``map(lambda row: …, rows)``, ``filter(lambda row: …, rows)``."""
        if len(function.params) != 1:
            self.escape("mapped with other things", ref)
            return
        for read in self.around.scoped(function.params[0].name, function):
            self.follow(read, ref.of("one"))
        if name == "filter" and _is_presence(function.body):
            self.follow(call, ref)
        elif name == "filter":
            self.event("iterate", call, ref)
            self.follow(call, ref.of("many", part=True))
        elif call not in self._collected:
            self.event("iterate", call, ref)

    def _is_test(self, call: f.Call) -> bool:
        """``if len(rows):``, ``len(rows) > 0``: whether there are any."""
        part = self.around.parent(call)
        match part.node if part is not None else None:
            case f.Compare(left=left, ops=(op,), rights=(f.Const(value=0 | 1 as number),)) if left is call:
                return (number == 0 and op in (">", "==", "!=")) or (number == 1 and op in (">=", "<"))
        return part is not None and part.role == "test"

    def _got(self, call: f.Call, ref: Ref) -> None:
        match call.args:
            case (_, f.Const(value=str(name)), *_) if ref.shape == "one":
                (self.uses.copies if ref.copied else self.uses.read).setdefault((*ref.path, name), call.at)
            case _:
                self.escape("any attribute may be read", ref)

    def _keyed(self, call: f.Call, ref: Ref) -> None:
        """What ``key=`` reads of each item."""
        keys = [k.value for k in call.keywords if k.name == "key"]
        keys += [arg for arg in call.args if isinstance(arg, f.Lambda)]
        for key in keys:
            match key:
                case f.Lambda(params=(parameter, *_)):
                    for read in self.around.scoped(parameter.name, key):
                        self.follow(read, ref.of("one"))
                case f.Call(func=f.Name(id="attrgetter") | f.Attr(name="attrgetter"), args=args):
                    for arg in args:
                        if isinstance(arg, f.Const) and isinstance(arg.value, str):
                            self.uses.read.setdefault((*ref.path, *arg.value.split(".")), arg.at)
                case _:
                    self.escape("a key function", ref)

    def _method(self, call: f.Call, site: Site, callee: LibMethod, part: Part, ref: Ref) -> None:
        """A method of a library object: sessions, lists, pydantic classes."""
        name = callee.name
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        if any(self.world.kind(kind) in ("session", "scoped_session") for kind in members(callee.bound.type)):
            if name == "delete":
                self.uses.written.setdefault(ref.path, call.at)
            elif name not in KEEPING:
                self.escape(f"passed to a session's {name}", ref)
        elif name in ("append", "add") and isinstance(receiver, f.Name) and ref.shape == "one":
            self.collected(receiver.id, ref, "many")
        elif name in ("extend", "update") and isinstance(receiver, f.Name) and ref.shape == "many":
            self.event("iterate", call, ref)
            self.collected(receiver.id, ref.of("one"), "many")
        elif name in VALIDATING:
            self.validated(call, site, callee.bound.type, ref)
        elif name in ("get", "pop", "index", "count"):
            return  # a key of something else
        else:
            self.escape(f"passed to {name}", ref)

    def _project(self, call: f.Call, site: Site, part: Part, node: f.Expr, ref: Ref) -> None:
        functions = [(t, t.function) for t in site.targets if t.function is not None]
        match call.func:
            case f.Attr(value=receiver, name=name) if not site.targets and name in VALIDATING:
                self.validated(call, site, self._class_of(receiver, site), ref)
                return
            case f.Attr(value=receiver, name=name) if not site.targets and name in LOGS:
                self.shown(part, node, ref)
                return
        if not functions or len(functions) != len(site.targets):
            self.escape(f"passed to {site.name}", ref)
        for target, function in functions:
            number = _number(call, target, function, part, node)
            if number is None:
                self.escape(f"passed to {site.name}", ref)
            else:
                self.handed(call, site, function, number, ref)

    def _class_of(self, receiver: f.Expr, site: Site) -> Type | None:
        return awaited(site.result).type

    # ------------------------------------------------------------------ what comes back

    def handed(self, call: f.Call, site: Site, function: Function, number: int, ref: Ref) -> None:
        """A function of the project gets what is followed: what it does, and what of it comes back."""
        if site.manner in ("task", "later", "stored") and site.group is None:
            self.escape("handed to something that runs later", ref)
            return
        found = self.following.parameter(function, number, ref, self.depth + 1)
        copy = self._copy(site, function, ref) if not found.returned else None
        self.uses.add(found, ref, converting=copy is not None)
        for inner in found.returned:
            self.follow(call, moved(inner, ref))
        if copy is not None:
            self.follow(call, Ref(ref.shape, copy, ref.path, True, ref.part))

    def _copy(self, site: Site, function: Function, ref: Ref) -> Class | None:
        """The class that an entity was converted to: an instance of the project that is no entity, made of it alone."""
        others = [v for v in (*site.args, *(v for _, v in site.keywords)) if self._is_row(v.type)]
        if ref.shape != "one" or len(others) > 1:
            return None
        kind = awaited(site.result).type
        if isinstance(kind, Unknown) and ref.cls is not None:
            bound = Value(Inst(ref.cls)) if function.is_method else None
            kind = awaited(self.world.result(function, bound, {}, (site.at.line, site.at.column))).type
        found = [k.cls for k in members(kind) if isinstance(k, Inst)]
        if len(found) != 1 or self.world.models.is_model(found[0]):
            return None
        return found[0]

    def _is_row(self, kind: Type) -> bool:
        return any(isinstance(k, Inst) and self.world.models.is_model(k.cls) for k in members(kind))

    def validated(self, call: f.Call, site: Site, schema: Type | None, ref: Ref) -> None:
        """``Schema.model_validate(job)`` reads what the schema names, and gives a copy."""
        kinds = members(schema) if schema is not None else ()
        classes = [k.cls for k in kinds if isinstance(k, ClassObj | Inst)]
        if len(classes) != 1 or ref.shape != "one":
            self.escape("validated by something unknown", ref)
            return
        for path in named_by(self.world, classes[0], ref.cls):
            if not ref.copied:
                self.uses.converted.setdefault((*ref.path, *path), call.at)
        self.follow(call, Ref("one", classes[0], ref.path, True, ref.part))


def _number(call: f.Call, target: Target, function: Function, part: Part, node: f.Expr) -> int | None:
    """The parameter that an argument goes to."""
    if target.arguments is not None or any(isinstance(arg, f.Star) for arg in call.args):
        return None
    positions, by_name, _ = function.places
    if part.role == "keyword":
        return by_name.get(part.keyword or "")
    start = 1 if function.is_method and positions[:1] == (0,) and (target.bound is not None or _makes(function)) else 0
    place = start + next(i for i, arg in enumerate(call.args) if arg is node)
    return positions[place] if place < len(positions) else None


def _is_presence(test: f.Expr) -> bool:
    """``x is not None``."""
    return isinstance(test, f.Compare) and test.ops == ("is not",) and is_none(test.rights[0])


def _makes(function: Function) -> bool:
    return function.name == "__init__"
