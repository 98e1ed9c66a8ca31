"""Programs that no one should write: each must end, whatever link makes of it."""

from __future__ import annotations

import textwrap


def diamonds(height: int) -> str:
    """Two classes per level, each of which inherits from both below."""
    lines = ["class A:", "    def f(self, s):", "        s.commit()"]
    for n in range(height):
        bases = "A" if n == 0 else f"L{n - 1}, R{n - 1}"
        lines += [f"class L{n}({bases}): pass", f"class R{n}({bases}): pass"]
    return "\n".join([*lines, "def f(s):", f"    L{height - 1}().f(s)", ""])


def nested(opening: str, depth: int) -> str:
    """A function with so many blocks in each other; ``opening`` has the number of each as ``{n}``."""
    lines = ["def f(s, x):", *(f"{'    ' * n}{opening.format(n=n)}" for n in range(1, depth))]
    return "\n".join([*lines, f"{'    ' * depth}s.commit()", ""])


HOSTILE = {
    "functions that call each other": textwrap.dedent("""\
        def f(s, n):
            s.commit()
            g(s, n)

        def g(s, n):
            f(s, n)
            h(s)

        def h(s):
            g(s, h)
            return f
    """),
    "a function that is given itself": textwrap.dedent("""\
        def f(s, g):
            s.commit()
            return g(s, f)

        f(None, f)
    """),
    "a class that inherits from itself": textwrap.dedent("""\
        class A(A):
            def f(self, s):
                super().f(s)
                s.commit()
    """),
    "classes that inherit from each other": textwrap.dedent("""\
        class A(B):
            def f(self, s):
                s.commit()

        class B(A):
            def f(self, s):
                super().f(s)
    """),
    "diamonds": diamonds(30),
    "types that grow": textwrap.dedent("""\
        def f(s, x=None):
            s.commit()
            for _ in s:
                x = [x, (x, x)]
            return f(s, x)
    """),
    "an alias of itself": textwrap.dedent("""\
        from __future__ import annotations
        X = Y
        Y = X
        Z = list['Z']
        def f(s: X, t: Y, u: Z) -> X:
            s.commit()
            return f(s, t, u)
    """),
    "an attribute that is itself": textwrap.dedent("""\
        class A:
            def __init__(self, s):
                self.a = A(self.a)
                self.b = self.a.b.b
                s.commit()
    """),
    "a property of itself": textwrap.dedent("""\
        class A:
            @property
            def p(self):
                return self.p.p

            def f(self, s):
                s.commit()
                return self.p
    """),
    "generics of generics": textwrap.dedent("""\
        from typing import Generic, TypeVar
        T = TypeVar('T')
        class A(Generic[T]):
            def f(self, s) -> 'A[A[T]]':
                s.commit()
                return A[A[T]]()

        def f(s):
            return A[int]().f(s).f(s).f(s)
    """),
    "decorators of each other": textwrap.dedent("""\
        @g
        def f(s):
            s.commit()

        @f
        def g(s):
            s.commit()
    """),
    "closures of closures": nested("def f{n}(s):", 15) + "    f1(s)\n",
    "lambdas of themselves": textwrap.dedent("""\
        f = lambda s: f(s) or s.commit()
        g = [lambda s: g[0](s)]
        def h(s):
            f(s)
            g[0](s)
            s.commit()
    """),
    "nested loops": nested("for i{n} in x:", 15),
    "a star of itself": textwrap.dedent("""\
        from main import *
        from . import *
        def f(s):
            g(s)
            s.commit()
    """),
    "types of themselves": textwrap.dedent("""\
        from __future__ import annotations
        from typing import Annotated, Generic, NamedTuple, NewType, TypedDict, TypeVar
        T = TypeVar('T', bound='Tree[T]')
        N = NewType('N', 'N')
        A = Annotated['A', 1]
        class Tree(Generic[T]):
            left: Tree[Tree[T]]
            model: type[T]
            def f(self: T, s, t: type[T]) -> T:
                s.commit()
                return self.left.left.f(s, t).left
        class D(TypedDict):
            d: D
        class P(NamedTuple):
            p: P
        def f(s, t: Tree[Tree[Tree]], n: N, a: A, d: D, p: P):
            s.commit()
            p.p[0][0].p, q = p[0], d['d']['d']['d']
            return t.left.left.f(s, Tree[Tree[Tree]])
    """),
    "statements that grow": textwrap.dedent("""\
        from sqlalchemy import select
        def f(s, q):
            s.execute(q)
            return f(s, q.where(1).limit(2).options(q).with_for_update())
        def g(s, q, n):
            return h(s, q.order_by(n), n) if n else s.execute(q)
        def h(s, q, n):
            return g(s, q.limit(n), n - 1)
        def start(s):
            f(s, select(1))
            g(s, select(1), 9)
            s.commit()
    """),
    "dictionaries that grow": textwrap.dedent("""\
        def f(s, **options):
            options = {'a': options, 'b': options, 's': s}
            for _ in s:
                options['a'] = {'a': options, 'b': options['a']}
            s.commit()
            return f(**options, **options['a'])
    """),
    "wrappers of wrappers": textwrap.dedent("""\
        def d(g):
            def w(*a, **k):
                k['s'].commit()
                return d(w)(g, *a, **k)
            return d(w)
        def e(g):
            @e
            def w(s, *a, **k):
                s.commit()
                return g(s, *a, **k)
            return w
        @d
        @e
        @d
        def f(s):
            s.commit()
            return f(f)
        def g(s):
            f(s)
            s.commit()
    """),
    "every operator of an instance": textwrap.dedent("""\
        class A:
            def f(self, s):
                s.commit()
                a = self + 1, self - 1, self * 1, self / 1, self // 1, self % 1, self @ 1, self ** 1
                b = self & 1, self | 1, self ^ 1, self << 1, self >> 1, self in a, self not in a, self is a
                return -self, +self, ~self, not self, self == 1, self != 1, self < 1, self <= 1, self > 1, self >= 1, b
    """),
    "state that holds itself": textwrap.dedent("""\
        from contextvars import ContextVar
        v = ContextVar('v')
        x = None
        def f(s, request, scope):
            global x
            x = x or v.get() or scope['state']['s']
            scope['state']['s'] = x
            v.set(v.get())
            request.state.a = request.state.a
            x.commit()
    """),
    "a manager that enters itself": textwrap.dedent("""\
        from contextlib import contextmanager
        @contextmanager
        def f(s):
            with f(s) as t:
                t.commit()
                yield t

        def g(s):
            with f(s) as x:
                s.commit()
    """),
}
