"""What link believes about one function, with evidence, for people: ``persist-lint debug calls|effects|session``.

    belief = believed(project, "calls", find(project, "app/repo.py", "Repo.get"))
    print(text(belief))

The printers of ``debug`` say the same on one line each; those are for golden files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function, Module
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Fn, LibMethod, Sym, Value
from persist_lint.link.life_told import sessions
from persist_lint.link.project import Project
from persist_lint.link.shown import shown_function, shown_guard, shown_symbol, shown_type, shown_value
from persist_lint.link.sites import Site, Target
from persist_lint.link.told import Belief, Said
from persist_lint.link.tree import spelled
from persist_lint.link.views import CallView
from persist_lint.model import facts as f

QUESTIONS = ("calls", "effects", "session")
MODULE_NAME = "<module>"


class Place(Struct, frozen=True):
    """Where a function stands."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def find(project: Project, path: str, wanted: str) -> Function:
    """The function of a file that is meant: ``get``, ``Repo.get``, ``outer.inner``, a line, or ``<module>``.

    Raises LookupError, in one line, when there is none or more than one.
    """
    module = project.world.index.modules.get(path)
    if module is None:
        raise LookupError(f"{path}: not among the files that were analysed")
    if wanted == MODULE_NAME:
        return module.top
    if wanted.isdigit():
        return _at_line(module, int(wanted))
    plain = {function: function.facts.qualname.replace("<locals>.", "") for function in module.functions}
    exact = [one for one, name in plain.items() if wanted in (name, one.facts.qualname)]
    ending = [one for one, name in plain.items() if name.endswith(f".{wanted}")]
    found = exact or ending
    if len(found) == 1 or (found and len({plain[one] for one in found}) == 1):
        return found[-1]
    if found:
        raise LookupError(f"{path}: {wanted} is more than one function: {', '.join(plain[one] for one in found)}")
    ends = {name: name.rpartition(".")[2] for name in plain.values()}
    close = difflib.get_close_matches(wanted.rpartition(".")[2], sorted(set(ends.values())), n=3, cutoff=0.7)
    near = [name for name, end in ends.items() if end in close]
    hint = f"; did you mean {', '.join(near)}?" if near else f"; it has {', '.join(plain.values()) or 'none'}"
    raise LookupError(f"{path}: no function {wanted}{hint}")


def _at_line(module: Module, line: int) -> Function:
    if not 1 <= line <= max(module.facts.lines, 1):
        raise LookupError(f"{module.path}: no line {line}; it has {module.facts.lines}")
    around = [one for one in module.functions if one.facts.at.line <= line <= one.facts.at.end_line]
    return max(around, key=lambda one: one.facts.at.line, default=module.top)


def believed(project: Project, question: str, function: Function) -> Belief:
    """What link answers to one of the questions about a function."""
    said = {"calls": _calls, "effects": _effects, "session": sessions}[question](project, function)
    entries = project.contexts.of(function)
    runs = tuple(dict.fromkeys(f"{e.kind} from {e.function.dotted}" for e in entries))
    return Belief(shown_function(function), function.module.path, function.facts.at.line, question, runs, tuple(said))


# ---------------------------------------------------------------------- calls


def _calls(project: Project, function: Function) -> Iterator[Said]:
    for call in project.view(function).calls:
        yield Said(call.at.line, call.at.column, call.site.name or "call", tuple(_about(project, call)))


def _about(project: Project, call: CallView) -> Iterator[tuple[str, str]]:
    site, function = call.site, call.function.function
    receiver = _receiver(project, function, site)
    if receiver is not None:
        yield "receiver", _value(receiver, function)
    for number, value in enumerate(site.args):
        yield f"argument {number + 1}", _value(value, function)
    for name, value in site.keywords:
        yield f"argument {name or '**'}", _value(value, function)
    for target in site.targets:
        yield "runs", _target(target, site)
    if not site.targets:
        yield (
            "runs",
            f"Unknown: {site.reason}" if site.reason else f"no code of the project: {shown_type(site.callee.type)}",
        )
    yield "gives", _value(site.result, function)
    where = [f"if {shown_guard(guard, function)}" for guard in site.guards]
    where += [f"in the loop of line {loop.at.line}" for loop in site.loops]
    where += ["awaited"] if site.awaited else []
    where += [] if site.manner == "here" else [f"runs: {site.manner}"]
    if where:
        yield "where", ", ".join(where)


def _receiver(project: Project, function: Function, site: Site) -> Value | None:
    kind = site.callee.type
    bound = next((t.bound for t in site.targets if t.bound is not None and t.arguments is None and not t.makes), None)
    if bound is None and isinstance(kind, Fn | LibMethod):
        bound = kind.bound
    if bound is None and isinstance(site.node, f.Call) and isinstance(site.node.func, f.Attr):
        if spelled(site.node.func.value) == "…":
            return None
        bound = project.world.evaluate_inside(function, site.node.func.value)
    return bound


def _target(target: Target, site: Site) -> str:
    if target.function is not None:
        text = f"{shown_function(target.function)} ({_place(target.function)})"
    else:
        does = ", ".join(target.row.does) if target.row is not None else ""
        text = f"{target.name} (library: {does or 'no effect'})"
    words: list[str] = [] if target.manner in ("here", site.manner) else [target.manner]
    words += ["with arguments of its own"] if target.arguments is not None and target.function is not None else []
    words += ["by convention, or as one of several"] if target.weak else []
    return text + "".join(f"; {word}" for word in words)


def _value(value: Value, function: Function) -> str:
    return shown_value(value) + ("" if value.sym in (UNKNOWN_SYM, INNER_SYM) else f" = {_symbol(value.sym, function)}")


def _symbol(sym: Sym, function: Function) -> str:
    return shown_symbol(sym, function)


def _place(function: Function) -> Place:
    return Place(function.module.path, function.facts.at.line)


# ---------------------------------------------------------------------- effects


def _effects(project: Project, function: Function) -> Iterator[Said]:
    order = sorted(project.summaries.of(function), key=lambda e: (e.at, e.length, e.leaf.at, e.kind, e.subject))
    for effect in order:
        yield Said(
            effect.at.line, effect.at.column, f"{effect.kind} {effect.subject}", tuple(_of_effect(effect, function))
        )


def _of_effect(effect: Effect, function: Function) -> Iterator[tuple[str, str]]:
    if effect.key not in (UNKNOWN_SYM, INNER_SYM):
        yield "key", _symbol(effect.key, function)
    if effect.session != UNKNOWN_SYM:
        yield "session", _symbol(effect.session, function)
    if effect.guards:
        yield "only if", " and ".join(shown_guard(guard, function) for guard in effect.guards)
    words = _words(effect)
    if words:
        yield "how", ", ".join(words)
    for step in effect.chain:
        called = step.site.name if step.site is not None and step.site.name else step.subject
        yield "path", f"{Place(step.function.module.path, step.at.line)} {shown_function(step.function)}: {called}"


def _words(effect: Effect) -> Iterable[str]:
    flags = {
        "blocks the thread": effect.blocking,
        f"runs: {effect.manner}": effect.manner != "here",
        "locks rows": effect.statement is not None and effect.statement.locks,
        "by convention, or as one of several": effect.weak,
    }
    return [word for word, on in flags.items() if on]
