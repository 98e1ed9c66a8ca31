"""Functions and classes: names, places, nesting, what they mention."""

from __future__ import annotations

from facts_shown import body, facts, function, shown

from persist_lint.facts.codec import decode_body
from persist_lint.model.facts import FuncDef
from persist_lint.model.span import Span

NESTED = """\
def outer(db):
    @wrap(limit)
    async def inner():
        await db.commit()
    class Local(Base):
        kind = model.Kind
        def method(self):
            return lambda: deep.value
    return inner

class A(Generic[T], metaclass=Meta):
    '''About A.'''
    x = 1

    class B:
        def m(self): pass

    def n(self, q: Query = default()) -> Result:
        def helper(): pass
"""


def test_functions_in_source_order_with_their_places() -> None:
    found = facts(NESTED)
    assert [(f.qualname, f.parent, f.owner, f.is_async) for f in found.functions] == [
        ("outer", -1, -1, False),
        ("outer.<locals>.inner", 0, -1, True),
        ("outer.<locals>.Local.method", 0, 0, False),
        ("A.B.m", -1, 2, False),
        ("A.n", -1, 1, False),
        ("A.n.<locals>.helper", 4, -1, False),
    ]
    assert [(c.qualname, c.parent, c.owner) for c in found.classes] == [
        ("outer.<locals>.Local", 0, -1),
        ("A", -1, -1),
        ("A.B", -1, 1),
    ]


def test_bodies_refer_to_nested_definitions_by_index() -> None:
    found = facts(NESTED)
    assert shown(decode_body(found.functions[0].body)) == "(FuncDef(1), ClassDef(0), Return(Name('inner')))"
    assert shown(found.classes[1].body) == "(Assign((Name('x'),), Const(1)), ClassDef(2), FuncDef(4))"
    assert shown(found.body) == "(FuncDef(0), ClassDef(1))"


def test_names_are_sorted_and_include_those_of_nested_definitions() -> None:
    found = facts(NESTED)
    assert found.functions[0].names == (
        *("Base", "Kind", "commit", "db", "deep", "inner", "kind", "limit", "model", "value", "wrap"),
    )
    assert found.functions[1].names == ("commit", "db", "limit", "wrap")
    assert found.functions[4].names == ("Query", "Result", "default")


def test_a_class_keeps_bases_keywords_and_docstring() -> None:
    cls = facts(NESTED).classes[1]
    assert shown(cls.bases) == "(Subscript(Name('Generic'), Name('T')),)"
    assert shown(cls.keywords) == "(Keyword('metaclass', Name('Meta')),)"
    assert cls.docstring == "About A."


def test_spans_leave_decorators_out() -> None:
    found = function(NESTED, "outer.<locals>.inner")
    assert found.at == Span(3, 4, 4, 25)
    assert shown(found.decorators) == "(Call(Name('wrap'), (Name('limit'),), ()),)"
    (first, *_) = body(NESTED, "outer")
    assert isinstance(first, FuncDef)
    assert first.at == found.at


def test_generators_by_their_own_yields_only() -> None:
    source = """\
def a(): yield
def b():
    def c(): yield 1
    return lambda: (yield)
def d(x=(yield)): pass
def e():
    def f(x=(yield)): pass
async def g():
    yield [x async for x in y]
def h():
    if t:
        with u:
            v = yield from w
"""
    found = {f.name: f.is_generator for f in facts(source).functions}
    assert found == {"a": True, "b": False, "c": True, "d": False, "e": True, "f": False, "g": True, "h": True}


def test_docstrings_are_kept_apart_from_the_body() -> None:
    source = '"""Module."""\nx = 1\ndef f():\n    "F."\n    return 1\ndef g():\n    b"no"\ndef h():\n    f"no"\n'
    found = facts(source)
    assert found.docstring == "Module."
    assert shown(found.body[0]) == "Assign((Name('x'),), Const(1))"
    assert [f.docstring for f in found.functions] == ["F.", "", ""]
    assert shown(body(source, "f")) == "(Return(Const(1)),)"


def test_a_stub_has_no_body_but_its_docstring_or_dots() -> None:
    source = "def f():\n    'Only this.'\ndef g(): ...\n"
    assert shown(body(source, "f")) == "()"
    assert shown(body(source, "g")) == "(ExprStmt(Other()),)"


def test_a_redefinition_is_another_function() -> None:
    assert [f.qualname for f in facts("if a:\n def f(): x\nelse:\n def f(): y\n").functions] == ["f", "f"]
