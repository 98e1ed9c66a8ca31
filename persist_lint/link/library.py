"""What the vocabulary says of values: names, attributes, methods and context managers of libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.lattice import (
    PACKAGE_SYM,
    Data,
    Inst,
    Lib,
    LibClass,
    LibFn,
    LibMethod,
    LibMod,
    Type,
    Value,
    attr_sym,
    members,
    session_of,
    unknown,
)
from persist_lint.link.libcall import HANDLES, LibraryCall
from persist_lint.link.names import External
from persist_lint.model.vocabulary import LibraryType, Row, Vocabulary

if TYPE_CHECKING:
    from persist_lint.link.classes import Classes
    from persist_lint.link.kept import Kept


class Libraries:
    """The part of ``World`` that answers for libraries."""

    vocabulary: Vocabulary
    classes: Classes
    kept: Kept

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row | None] = {}

    def external(self, dotted: str) -> Value:
        """The value of a library name."""
        vocabulary = self.vocabulary
        if dotted == "builtins.__file__":
            return Value(Data("str"), PACKAGE_SYM)
        if dotted in vocabulary.functions:
            return Value(LibFn(dotted), ("global", dotted))
        if dotted in vocabulary.types:
            return Value(LibClass(dotted), ("global", dotted))
        if dotted in vocabulary.values:
            return Value(Lib(vocabulary.values[dotted]), ("global", dotted))
        if dotted.startswith("builtins.") or dotted in ("typing.cast", "typing_extensions.cast", "itertools.groupby"):
            return Value(LibFn(f"builtins.{dotted.rpartition('.')[2]}"), ("global", dotted))
        return Value(LibMod(dotted), ("global", dotted))

    @staticmethod
    def as_external(dotted: str) -> External:
        return External(dotted)

    def library_type(self, name: str) -> LibraryType | None:
        return self.vocabulary.types.get(name)

    def kind_of(self, name: str) -> str:
        """The TypeKind of a library type by name; "" where the vocabulary has none."""
        found = self.vocabulary.types.get(name)
        return "" if found is None else found.is_

    def kind(self, kind: Type) -> str:
        """The TypeKind of a type: of library instances, and of project classes derived from library types."""
        match kind:
            case Lib(name=name):
                return self.kind_of(name)
            case Inst(cls=cls):
                return next((k for b in self.classes.library_bases(cls) if (k := self.kind_of(b))), "")
        return ""

    def is_session(self, value: Value) -> bool:
        """Whether a value is a session, connection or scoped session."""
        return any(self.kind(k) in ("session", "connection", "scoped_session") for k in members(value.type))

    def method_row(self, owner: str, name: str) -> Row | None:
        """The row of a library type's method, through its bases."""
        key = (owner, name)
        if key not in self._rows:
            self._rows[key] = self._find_row(owner, name, 0)
        return self._rows[key]

    def _find_row(self, owner: str, name: str, depth: int) -> Row | None:
        found = self.vocabulary.types.get(owner)
        if found is None or depth > 10:
            return None
        if name in found.method:
            return found.method[name]
        inherited = next((r for b in found.bases if (r := self._find_row(b, name, depth + 1)) is not None), None)
        return inherited if inherited is not None or name in found.attributes else found.other

    def call_row(self, owner: str) -> Row | None:
        """The row of calling an instance of a library type, through its bases."""
        found = self.vocabulary.types.get(owner)
        if found is None:
            return None
        if found.call is not None:
            return found.call
        return next((r for b in found.bases if (r := self.call_row(b)) is not None), None)

    def library_attribute(self, base: Value, name: str) -> Value:
        """An attribute or bound method of a library instance."""
        assert isinstance(base.type, Lib)
        owner = base.type.name
        if self.method_row(owner, name) is not None:
            return Value(LibMethod(owner, name, base), ("attr", base.sym, name), base.weak)
        given = self._library_attribute(owner, name, 0)
        if given is None:
            if self.kind_of(owner) == "value" and "FunctionGenerator" in owner:
                return base
            if self.kind_of(owner) == "namespace":
                return self.kept.at(owner, name, attr_sym(base.sym, name))
            return unknown(f"no row for {owner}.{name}")
        if "." in given:
            shared = base.sym == PACKAGE_SYM or {self.kind_of(owner), self.kind_of(given)} <= HANDLES
            sym = session_of(base.sym) if shared else ("attr", base.sym, name)
            return Value(Lib(given), sym, base.weak)
        return base if given == "self" else Value(Data(), ("attr", base.sym, name))

    def _library_attribute(self, owner: str, name: str, depth: int) -> str | None:
        found = self.vocabulary.types.get(owner)
        if found is None or depth > 10:
            return None
        if name in found.attributes:
            return found.attributes[name]
        return next((a for b in found.bases if (a := self._library_attribute(b, name, depth + 1))), None)

    def awaits(self, call: LibraryCall) -> bool:
        """Whether a library call gives an awaitable."""
        if call.row.awaits is not None:
            return call.row.awaits
        if call.makes or call.bound is None:
            return False
        for kind in members(call.bound.type):
            if isinstance(kind, Lib) and (found := self.vocabulary.types.get(kind.name)) is not None:
                return found.awaits
            if isinstance(kind, Inst):
                bases = [self.vocabulary.types.get(b) for b in self.classes.library_bases(kind.cls)]
                return any(b is not None and b.awaits for b in bases)
        return False

    def entered(self, value: Value) -> Value:
        """What entering a library context manager gives."""
        if isinstance(value.type, Lib):
            found = self.vocabulary.types.get(value.type.name)
            if found is not None and found.enter != "self":
                return Value(Lib(found.enter), value.sym, value.weak) if "." in found.enter else unknown(found.enter)
        return value
