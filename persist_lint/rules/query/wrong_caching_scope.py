"""Data that hardly changes is cached for one request only.

What: rows of a table that no request writes are kept on an object that lives for one request (an instance that a
handler or a dependency makes, ``request.state``, a ``cached_property`` of such an instance, a dict filled on a miss).

Why: the cache is empty whenever a request begins, so every request asks the database for the same rows.

Instead: keep them as long as the process: in a module or application object, behind ``lru_cache`` or a cache with a
time to live, emptied where the table is written.

Not reported: tables that requests write; caches of instances that live longer, or of which nothing says that they do
not; rows of more than one class. Reads of such whole tables without any cache are *possible* only.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Effect
from persist_lint.link.project import Project
from persist_lint.link.scopes import Filled, Scopes
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=106,
    name="wrong-caching-scope",
    family=Family.QUERY,
    check="wrong_caching_scope",
    title="Rows that hardly change are cached for one request",
    effort=Effort.M,
    principle="Query Efficiency / Caching",
    severities=((Severity.HIGH, "the query joins or aggregates"), (Severity.MEDIUM, "any other query")),
    recommendation="Keep the rows as long as the process, with a time to live; drop them where the table is written.",
    sources=("https://docs.python.org/3/library/functools.html#functools.lru_cache",),
    bad="""
from fastapi import FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Country(Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(primary_key=True)


engine = create_engine("postgresql://localhost/app")
app = FastAPI()


class Countries:
    def __init__(self, session: Session) -> None:
        self.session = session
        self._rows = None

    def all(self) -> list[Country]:
        if self._rows is None:
            self._rows = list(self.session.scalars(select(Country)))  # error: [wrong-caching-scope]
        return self._rows


@app.get("/countries")
def show() -> list[str]:
    with Session(engine) as session:
        return [country.code for country in Countries(session).all()]
""",
    good="""
from functools import lru_cache

from fastapi import FastAPI
from sqlalchemy import create_engine, text

engine = create_engine("postgresql://localhost/app")
app = FastAPI()


@lru_cache
def codes() -> tuple[str, ...]:
    with engine.connect() as connection:
        return tuple(connection.scalars(text("SELECT code FROM countries")))


@app.get("/countries")
def show() -> tuple[str, ...]:
    return codes()
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per cache that is filled, and a possible one per whole table that is read without any."""
    scopes = Scopes(project)
    for function in project.functions():
        if function.hot:
            filled = list(scopes.filled(function))
            yield from (_cached(function, one) for one in filled)
            for call, effect in scopes.uncached(function):
                if all(call is not one.call for one in filled):
                    yield _uncached(function, call, effect)


def _cached(function: FunctionView, filled: Filled) -> Finding:
    owner = f"every request makes its own {filled.holder.name}" if filled.holder is not None else "the request's own"
    message = f"{filled.cache} keeps rows of {filled.effect.subject}, which no request writes, for one request: {owner}"
    made = [function.project.view(maker).step(at, "a request makes it") for maker, at in filled.made[:3]]
    trace = [*made, *filled.call.trace(filled.effect)]
    severity = Severity.HIGH if filled.is_costly else Severity.MEDIUM
    return function.finding(RULE, filled.at, message, severity, trace=trace, confidence=Confidence.PROBABLE)


def _uncached(function: FunctionView, call: CallView, effect: Effect) -> Finding:
    message = f"all rows of {effect.subject}, which no request writes, are read anew for every request"
    trace = call.trace(effect)
    return function.finding(RULE, call.at, message, Severity.MEDIUM, trace=trace, confidence=Confidence.POSSIBLE)
