"""Sessions and connections that hold no transaction: those of engines with ``isolation_level="AUTOCOMMIT"``.

The option stands at the engine, at a copy of it (``engine.execution_options(…)``) or at the connection itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym
from persist_lint.link.sites import Site

if TYPE_CHECKING:
    from persist_lint.link.project import Project

OPTION, AUTOCOMMIT = "isolation_level", "AUTOCOMMIT"


def holds_no_transaction(project: Project, function: Function, session: Sym) -> bool:
    """Whether the session or connection, as the function names it, is known to commit every statement at once."""
    sites = project.world.flow(function).sites.values()
    if any(_asks(site) and any(t.bound is not None and t.bound.sym == session for t in site.targets) for site in sites):
        return True
    return project.session(function, session).autocommit


def _asks(site: Site) -> bool:
    level = site.keyword(OPTION)
    return level is not None and level.sym == ("const", AUTOCOMMIT)
