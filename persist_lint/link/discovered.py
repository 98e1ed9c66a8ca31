"""What the project context lists of the code: engines, session factories, models, channels, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.context.urls import read_url
from persist_lint.link.engines import EngineView, FactoryView, Option
from persist_lint.model.analysis import Channel, Discovered, Engine, Model, Relationship, SessionFactory

if TYPE_CHECKING:
    from persist_lint.link.project import Project


def discovered(project: Project) -> Discovered:
    """Everything of the whole project, in order of path and place; tests left out."""
    return Discovered(
        engines=tuple(e for view in project.engines.all for e in _engine(view, project.dialect)),
        session_factories=tuple(_factory(view) for view in project.engines.factories),
        models=tuple(_models(project)),
        channels=tuple(dict.fromkeys(_channels(project))),
    )


def _engine(view: EngineView, declared: str | None) -> Iterator[Engine]:
    """One engine per different set of options with which the place is reached."""
    found: dict[Engine, None] = {}
    for variant in view.variants:
        engine = Engine(
            path=view.function.module.path,
            line=view.site.at.line,
            is_async=view.is_async,
            url=shown(variant.text),
            dialect=variant.dialect(declared),
            pool_class=variant.pool,
            pool_size=_number(variant.option("pool_size")),
            max_overflow=_number(variant.option("max_overflow")),
            pool_pre_ping=_flag(variant.option("pool_pre_ping")),
            pool_recycle=_number(variant.option("pool_recycle")),
            pool_timeout=_number(variant.option("pool_timeout")),
        )
        found[engine] = None
    yield from found


def shown(url: str | None) -> str | None:
    """A URL without its password."""
    known = read_url(url) if url is not None else None
    return known.shown if known is not None else None


def _number(option: Option) -> int | None:
    value = option.value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(option: Option) -> bool | None:
    value = option.value
    return value if isinstance(value, bool) else None


def _factory(view: FactoryView) -> SessionFactory:
    return SessionFactory(
        path=view.function.module.path,
        line=view.site.at.line,
        name=view.name,
        is_async=view.is_async,
        expire_on_commit=_flag(view.variant.option("expire_on_commit")),
        autoflush=_flag(view.variant.option("autoflush")),
    )


def _models(project: Project) -> Iterator[Model]:
    for info in project.world.models.all():
        yield Model(
            name=info.cls.name,
            table=info.table,
            columns=len(info.columns),
            relationships={
                r.name: Relationship(target=r.target_name, lazy=r.lazy, many=r.many) for r in info.relations.values()
            },
            path=info.cls.module.path,
            line=info.cls.facts.at.line,
        )


def _channels(project: Project) -> Iterator[Channel]:
    for view in project.channels:
        if view.name is not None:
            yield Channel(
                name=view.name,
                path=view.function.module.path,
                line=view.site.at.line,
                technology=view.technology,
                publishes=view.publishes,
            )
