"""From dotted import names to files: import roots as the layout of the project shows them.

A file's root is the first directory above it that is no package. A repository may have several (``src/``,
``server/``, ``clients/``); an import is looked up in the importer's nearest root first. Directories without
``__init__.py`` are namespace packages below a root; the configuration may name roots that the layout does not show
(``src``).

    server/polar/__init__.py, server/polar/order/service.py     root ``server``: polar.order.service
    src/app/db.py (no __init__.py)                              root ``src``: app.db
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable

SOURCE_DIRECTORIES = frozenset({"src", "lib", "python", "backend", "server", "api"})


class Roots:
    """The import roots of a set of project-relative posix paths; ``given`` are those that the configuration names."""

    def __init__(self, paths: Iterable[str], given: Iterable[str] = ()) -> None:
        self._given = tuple(given)
        self.paths = frozenset(paths)
        self.packages = frozenset(posixpath.dirname(p) for p in self.paths if posixpath.basename(p) == "__init__.py")
        self.directories = frozenset(d for p in self.paths for d in ancestors(p))
        self.roots = self._find_roots()
        self._found: dict[tuple[str, str], str | None] = {}
        self._near: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[str, list[str]] | None = None

    def _find_roots(self) -> tuple[str, ...]:
        roots = {""}
        roots.update(posixpath.dirname(p) for p in self.packages if posixpath.dirname(p) not in self.packages)
        roots.update(
            d for d in self.directories if posixpath.basename(d) in SOURCE_DIRECTORIES and d not in self.packages
        )
        roots.update(root for root in self._given if root not in self.packages)
        return tuple(sorted(roots))

    def dotted(self, path: str) -> str:
        """The most specific import name of a file."""
        stem = path[: -len("/__init__.py")] if path.endswith("/__init__.py") else path.removesuffix(".py")
        root = self.root_of(path)
        inner = stem[len(root) :].lstrip("/") if root else stem
        return inner.replace("/", ".") or posixpath.basename(stem)

    def root_of(self, path: str) -> str:
        """The longest root that holds the file and is not inside one of its packages."""
        best = ""
        for root in self.roots:
            if root and path.startswith(root + "/") and len(root) > len(best):
                best = root
        return best

    def find(self, dotted: str, importer: str) -> str | None:
        """The file that ``import dotted`` reads in the file ``importer``; None when it is not of the project."""
        directory = importer.rpartition("/")[0]
        key = (dotted, directory)
        if key not in self._found:
            tail = dotted.replace(".", "/")
            near = self._nearest(directory)
            known = next((hit for root in near if (hit := self._in_root(root, tail))), None)
            self._found[key] = known or self._portion(dotted, directory)
        return self._found[key]

    def _portion(self, dotted: str, directory: str) -> str | None:
        """The file of a namespace package with portions in several folders, none of which looks like a root.

        ``import acme.core.db`` reads ``libs/core/acme/core/db.py``: the one file of that tail outside all packages, the
        nearest if there are several. Names of the standard library are never looked for so.
        """
        head, _, rest = dotted.partition(".")
        if not rest or head in sys.stdlib_module_names:
            return None
        tail = dotted.replace(".", "/")
        if self._by_name is None:
            self._by_name = {}
            for path in sorted(self.paths):
                self._by_name.setdefault(module_name(path), []).append(path)
        found = []
        for path in self._by_name.get(dotted.rpartition(".")[2], ()):
            stem = path.removesuffix("/__init__.py").removesuffix(".py")
            root = stem[: -len(tail) - 1]
            if stem.endswith(f"/{tail}") and not self.packages.intersection((root, *ancestors(root))):
                found.append((-len(posixpath.commonpath((root, directory or "."))), path))
        return min(found)[1] if found else None

    def is_namespace(self, dotted: str, importer: str) -> bool:
        """Whether the name is a directory of the project without ``__init__.py``."""
        tail = dotted.replace(".", "/")
        near = self._nearest(posixpath.dirname(importer))
        return any(posixpath.join(root, tail) in self.directories for root in near)

    def _in_root(self, root: str, tail: str) -> str | None:
        base = posixpath.join(root, tail)
        for candidate in (f"{base}/__init__.py", f"{base}.py"):
            if candidate in self.paths:
                return candidate
        return None

    def _nearest(self, directory: str) -> tuple[str, ...]:
        if directory not in self._near:
            own = () if directory in self.packages else (directory,)
            ranked = sorted(self.roots, key=lambda root: (-shared(root, directory), root.count("/"), root))
            self._near[directory] = tuple(dict.fromkeys((*ranked, *own)))
        return self._near[directory]


def module_name(path: str) -> str:
    """The last part of a file's import name."""
    return posixpath.basename(path.removesuffix("/__init__.py").removesuffix(".py"))


def relative(module_path: str, level: int, name: str) -> str:
    """The project-relative path stem that ``from ..name import`` (``level`` dots) means in a file."""
    directory = posixpath.dirname(module_path)
    for _ in range(level - 1):
        directory = posixpath.dirname(directory)
    return posixpath.join(directory, name.replace(".", "/")) if name else directory


def ancestors(path: str) -> list[str]:
    """All directories above a path, nearest first, without the project root itself."""
    found = []
    directory = posixpath.dirname(path)
    while directory:
        found.append(directory)
        directory = posixpath.dirname(directory)
    return found


def shared(root: str, directory: str) -> int:
    """How specific a root is for a directory: its depth if it holds the directory, else minus one."""
    if not root:
        return 0
    return len(root) if directory == root or directory.startswith(root + "/") else -1
