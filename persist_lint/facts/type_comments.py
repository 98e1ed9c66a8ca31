"""Type comments (PEP 484) as the annotations that they stand for.

    def prune(self, storage, trial_id):
        # type: (BaseStorage, int) -> bool          def prune(self, storage: BaseStorage, trial_id: int) -> bool
    cache = None  # type: Optional[Cache]           cache: Optional[Cache] = None

A comment that says something else than the signature, or cannot be read, says nothing. Every node made from a comment
has the span of what it annotates.
"""

from __future__ import annotations

import ast
import re

COMMENT = re.compile(r"#\s*type:\s*(?!ignore\b)\S")
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def parse_with_comments(text: str) -> ast.Module | None:
    """The tree with type comments as annotations; None where there are none, or where one cannot stand as it does."""
    if COMMENT.search(text) is None:
        return None
    try:
        tree = ast.parse(text, type_comments=True)
    except SyntaxError:
        return None
    _Annotate().visit(tree)
    return tree


class _Annotate(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        _annotate(node)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        _annotate(node)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        said = _expression(node.type_comment, node) if node.type_comment else None
        if said is None or len(node.targets) > 1 or not isinstance(target, (ast.Name, ast.Attribute)):
            return node
        simple = int(isinstance(target, ast.Name))
        return ast.copy_location(ast.AnnAssign(target, said, node.value, simple), node)


def _annotate(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Puts what the comments of a signature say where annotations stand; annotations win."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args]
    every += [a for a in (arguments.vararg, *arguments.kwonlyargs, arguments.kwarg) if a is not None]
    for argument in every:
        if argument.type_comment and argument.annotation is None:
            argument.annotation = _expression(argument.type_comment, argument)
    if not node.type_comment:
        return
    try:
        said = ast.parse(node.type_comment, mode="func_type")
    except _UNREADABLE:
        return
    if node.returns is None:
        node.returns = _placed(said.returns, node)
    unsaid = len(every) - len(said.argtypes)  # ``self`` is left out as a rule
    if unsaid not in (0, 1):
        return
    for argument, kind in zip(every[unsaid:], said.argtypes, strict=True):
        if argument.annotation is None and not (isinstance(kind, ast.Constant) and kind.value is ...):
            argument.annotation = _placed(kind, argument)


def _expression(text: str, node: ast.AST) -> ast.expr | None:
    try:
        return _placed(ast.parse(text.strip(), mode="eval").body, node)
    except _UNREADABLE:
        return None


def _placed(expression: ast.expr, node: ast.AST) -> ast.expr:
    for inner in ast.walk(expression):
        if isinstance(inner, (ast.expr, ast.arg)):
            ast.copy_location(inner, node)
    return expression
