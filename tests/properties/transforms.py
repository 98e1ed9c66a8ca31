"""Changes of a program that change nothing about its database: what was found before must be found after.

Each takes the files of a project, by path, and gives changed ones. Python files are written anew from their syntax
trees, so that a comparison starts from ``normal`` text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Files = dict[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Transform = Callable[[Files], Files]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
N = TypeVar("N", bound=ast.AST)

CALLS_THROUGH = """
def passes_on(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
"""
CALLS_THROUGH_ASYNC = """
def passes_on_async(function):
    @functools.wraps(function)
    async def inner(*args, **kwargs):
        return await function(*args, **kwargs)
    return inner
"""


def normal(files: Files) -> Files:
    """The files as they are written from their trees, without comments."""
    return _each(files, lambda tree, _: tree)


def renamed_locals(files: Files) -> Files:
    """Every variable of a function has another name; parameters keep theirs, as callers use them."""

    def change(tree: ast.Module, _: str) -> ast.Module:
        for function in _outermost(tree):
            names = _locals(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id in names:
                    node.id = f"{node.id}_too"
        return tree

    return _each(files, change)


def reordered(files: Files) -> Files:
    """Functions that follow each other, at the top or in a class, stand in the opposite order."""

    def change(tree: ast.Module, _: str) -> ast.Module:
        for scope in ast.walk(tree):
            if isinstance(scope, ast.Module | ast.ClassDef) and not _has_namesakes(scope.body):
                scope.body = _reversed_runs(scope.body)
        return tree

    return _each(files, change)


def wrapped_bodies(files: Files) -> Files:
    """The body of every function stands in a ``with`` that does nothing."""

    def change(tree: ast.Module, _: str) -> ast.Module:
        for function in ast.walk(tree):
            if isinstance(function, FUNCTIONS):
                start = 1 if ast.get_docstring(function) is not None else 0
                body = function.body[start:]
                if body and not _is_stub(function):
                    manager = ast.parse("contextlib.nullcontext()", mode="eval").body
                    function.body[start:] = [ast.With([ast.withitem(manager)], body)]
        return _importing(tree, "contextlib")

    return _each(files, change)


def decorated(files: Files) -> Files:
    """Plain functions have a decorator that calls through; those that a framework may look at are left alone."""
    registered = _used_as_values(files)

    def change(tree: ast.Module, _: str) -> ast.Module:
        made: set[str] = set()
        for function in tree.body:
            if isinstance(function, FUNCTIONS) and not function.decorator_list and function.name not in registered:
                if _has_yield(function):
                    continue
                name = "passes_on_async" if isinstance(function, ast.AsyncFunctionDef) else "passes_on"
                function.decorator_list.append(ast.Name(name))
                made.add(name)
        texts = {"passes_on": CALLS_THROUGH, "passes_on_async": CALLS_THROUGH_ASYNC}
        for name in sorted(made):
            tree.body[_after_imports(tree) : _after_imports(tree)] = ast.parse(texts[name]).body
        return _importing(tree, "functools") if made else tree

    return _each(files, change)


def split(files: Files) -> Files:
    """In each module, the first plain function that another one calls has moved to a module of its own."""
    changed: Files = {}
    for path, text in files.items():
        tree = ast.parse(text) if path.endswith(".py") else None
        moved = _movable(tree) if tree is not None else None
        if tree is None or moved is None:
            changed[path] = text
            continue
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        apart = f"{path.removesuffix('.py')}_apart.py"
        used = {node.id for node in ast.walk(moved) if isinstance(node, ast.Name)}
        imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
        own = [name for name in _defined(tree) if name in used and name != moved.name]
        taken = [ast.ImportFrom(module, [ast.alias(name) for name in own], 0)] if own else []
        tree.body.remove(moved)
        dotted = apart.removesuffix(".py").replace("/", ".")
        place = _after_imports(tree)
        tree.body.insert(place, ast.ImportFrom(dotted, [ast.alias(moved.name)], 0))
        changed[path] = _text(tree)
        changed[apart] = _text(ast.Module([*imports, *taken, moved], []))
    return changed


def synchronous(files: Files) -> Files:
    """No ``async`` and no ``await`` is left."""

    def change(tree: ast.Module, _: str) -> ast.Module:
        return _Synchronous().visit(tree)

    return _each(files, change)


class _Synchronous(ast.NodeTransformer):
    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._as(ast.FunctionDef, node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._as(ast.For, node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self._as(ast.With, node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.is_async = 0
        return node

    def _as(self, kind: type[ast.AST], node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        return kind(**{name: getattr(node, name) for name in node._fields if hasattr(node, name)})


# ---------------------------------------------------------------------- parts


def _each(files: Files, change: Callable[[ast.Module, str], ast.Module]) -> Files:
    return {
        path: _text(change(ast.parse(text), path)) if path.endswith(".py") else text for path, text in files.items()
    }


def _text(tree: ast.Module) -> str:
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _outermost(tree: ast.AST) -> Iterator[Function]:
    """Functions that stand in no other function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTIONS):
            yield node
        else:
            yield from _outermost(node)


def _locals(function: Function) -> set[str]:
    """Variables of a function and those inside it, without what has its name from elsewhere."""
    stored: set[str] = set()
    fixed: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                stored.add(name)
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                fixed.add(name)
            case ast.ClassDef(name=name):
                fixed |= {name, *(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))}
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                fixed.update(names)
            case ast.alias(name=name, asname=asname):
                fixed.add((asname or name).partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                fixed.add(name)
            case ast.MatchMapping(rest=str(name)):
                fixed.add(name)
    return stored - fixed


def _has_namesakes(body: Iterable[ast.stmt]) -> bool:
    """Whether a function is defined twice: properties with setters, overloads."""
    names = [one.name for one in body if isinstance(one, FUNCTIONS)]
    return len(names) != len(set(names))


def _reversed_runs(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    run: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, FUNCTIONS):
            run.insert(0, statement)
        else:
            found += [*run, statement]
            run = []
    return found + run


def _is_stub(function: Function) -> bool:
    """Whether the body says that there is none."""
    return all(
        isinstance(one, ast.Pass | ast.Raise) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in function.body
    )


def _has_yield(function: Function) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))


def _used_as_values(files: Files) -> set[str]:
    """Names that are passed on, not only called: a framework could ask the function what it is."""
    found: set[str] = set()
    for path, text in files.items():
        if path.endswith(".py"):
            tree = ast.parse(text)
            called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            found |= {
                node.id if isinstance(node, ast.Name) else node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called
            }
    return found


def _movable(tree: ast.Module) -> Function | None:
    """The first plain function that another function of the module calls by name, and that assigns no global."""
    called = {
        node.func.id
        for function in _outermost(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    stored = _defined(tree)
    for function in tree.body:
        if (
            isinstance(function, FUNCTIONS)
            and not function.decorator_list
            and function.name in called
            and stored.count(function.name) == 1
            and not any(isinstance(node, ast.Global) for node in ast.walk(function))
        ):
            return function
    return None


def _defined(tree: ast.Module) -> list[str]:
    """The names that the module's own statements bind, imports left out."""
    found: list[str] = []
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.append(name)
            case ast.Assign() | ast.AnnAssign() | ast.If() | ast.Try() | ast.With():
                found += [
                    node.id
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                ]
    return found


def _after_imports(tree: ast.Module) -> int:
    """Where the first statement that is neither docstring nor import stands."""
    for number, statement in enumerate(tree.body):
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_text and not isinstance(statement, ast.Import | ast.ImportFrom):
            return number
    return len(tree.body)


def _importing(tree: ast.Module, module: str) -> ast.Module:
    tree.body.insert(_after_imports(tree), ast.Import([ast.alias(module)]))
    return tree
