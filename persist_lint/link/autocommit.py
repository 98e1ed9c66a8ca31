"""Connections that hold no transaction: those of engines with ``isolation_level="AUTOCOMMIT"``.

The option stands at the engine, at a copy of it (``engine.execution_options(…)``) or at the connection itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.engines import Variant, assigned
from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym
from persist_lint.link.sites import Site
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project

OPTION, AUTOCOMMIT = "isolation_level", "AUTOCOMMIT"


def holds_no_transaction(project: Project, function: Function, session: Sym) -> bool:
    """Whether the session or connection, as the function names it, is known to commit every statement at once."""
    sites = project.world.flow(function).sites.values()
    if any(_asks(site) and any(t.bound is not None and t.bound.sym == session for t in site.targets) for site in sites):
        return True
    if session[0] != "open":
        return False
    opened = next((s for s in sites if (s.at.line, s.at.column) == session[1] and _opens(s)), None)
    return opened is not None and (_in_chain(project, function, opened) or _of_engine(project, opened))


def _opens(site: Site) -> bool:
    return any(t.row is not None and "session.open" in t.row.does for t in site.targets)


def _asks(site: Site) -> bool:
    level = site.keyword(OPTION)
    return level is not None and level.sym == ("const", AUTOCOMMIT)


def _in_chain(project: Project, function: Function, opened: Site) -> bool:
    """``engine.execution_options(isolation_level="AUTOCOMMIT").connect()``."""
    sites = project.world.flow(function).sites
    node: f.Node = opened.node
    while isinstance(node, f.Call) and isinstance(node.func, f.Attr):
        node = node.func.value
        site = sites.get(node)
        if site is not None and _asks(site):
            return True
    return False


def _of_engine(project: Project, opened: Site) -> bool:
    """Whether the engine that the connection comes from was made so."""
    engines = {t.bound.sym for t in opened.targets if t.bound is not None}
    for view in project.engines.all:
        name = f"{view.function.module.dotted}.{assigned(view.function, view.site.node)}"
        if ("global", name) in engines:
            return any(_is_autocommit(v) for v in view.variants)
    return False


def _is_autocommit(variant: Variant) -> bool:
    return variant.option(OPTION).may_be(AUTOCOMMIT) or variant.nested("execution_options", OPTION).may_be(AUTOCOMMIT)
