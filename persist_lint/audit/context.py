"""The project context of REPORT as plain data, joined from what the surroundings say and what link found.

``persist-lint context`` prints it as JSON; its keys keep the order of REPORT.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from persist_lint.audit.run import default_output_dir
from persist_lint.model.analysis import Analysis, Channel, Engine, Model, SessionFactory
from persist_lint.model.context import Practice, Surroundings


def project_context(analysis: Analysis, *, today: date, output_dir: str | None = None) -> dict[str, Any]:
    """The context store of one run: only dicts, lists, strings, numbers, booleans and None; lists are ordered.

    ``output_dir`` is where an audit would write, by default the day's folder of the project.
    """
    around = analysis.surroundings
    adrs = sorted(around.adrs, key=lambda adr: (adr.id, adr.path, adr.line))
    return {
        "tech_stack": msgspec.json.decode(msgspec.json.encode(around.stack)),
        "best_practices": {name: [_practice(it) for it in around.practices[name]] for name in sorted(around.practices)},
        "db_config": _db_config(analysis),
        "models": _models(analysis.discovered.models),
        "adrs": [{"id": adr.id, "title": adr.title, "path": adr.path} for adr in adrs],
        "sources": dict(sorted(around.sources.items())),
        "codebase_root": analysis.root,
        "output_dir": output_dir or default_output_dir(today).as_posix(),
    }


def _db_config(analysis: Analysis) -> dict[str, Any]:
    found = analysis.discovered
    engines = sorted(found.engines, key=lambda it: (it.path, it.line))
    factories = sorted(found.session_factories, key=lambda it: (it.path, it.line, it.name))
    channels = sorted(found.channels, key=lambda it: (it.name, it.path, it.line, it.technology))
    return {
        "expire_on_commit": _agreed(it.expire_on_commit for it in factories),
        "engines": [_engine(it) for it in engines],
        "pool_size": _agreed(it.pool_size for it in engines),
        "max_overflow": _agreed(it.max_overflow for it in engines),
        "session_factories": [_factory(it) for it in factories],
        "triggers": _triggers(analysis.surroundings),
        "event_publishers": [_channel(it) for it in channels if it.publishes],
        "event_subscribers": [_channel(it) for it in channels if not it.publishes],
    }


def _agreed(values: Iterable[Any]) -> Any:
    """The value that all who say one agree on; None when nobody says one, or when they differ."""
    said = [value for value in values if value is not None]
    return said[0] if said and all(value == said[0] for value in said) else None


def _engine(engine: Engine) -> dict[str, Any]:
    return {
        "path": engine.path,
        "line": engine.line,
        "async": engine.is_async,
        "pool_size": engine.pool_size,
        "max_overflow": engine.max_overflow,
        "pool_pre_ping": engine.pool_pre_ping,
        "pool_recycle": engine.pool_recycle,
    }


def _factory(factory: SessionFactory) -> dict[str, Any]:
    return {
        "path": factory.path,
        "line": factory.line,
        "name": factory.name,
        "async": factory.is_async,
        "expire_on_commit": factory.expire_on_commit,
        "autoflush": factory.autoflush,
    }


def _triggers(around: Surroundings) -> list[dict[str, Any]]:
    """One entry per trigger and channel; a trigger that notifies nobody has ``channel_name`` None."""
    ordered = sorted(around.triggers, key=lambda it: (it.table, it.name, it.event, it.path, it.line))
    return [
        {
            "table": trigger.table,
            "event": trigger.event,
            "function": trigger.function,
            "channel_name": channel,
            "path": trigger.path,
            "line": trigger.line,
        }
        for trigger in ordered
        for channel in trigger.channels or (None,)
    ]


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "channel_name": channel.name,
        "file": channel.path,
        "line": channel.line,
        "technology": channel.technology,
    }


def _models(models: Iterable[Model]) -> dict[str, Any]:
    """By class name; where several classes share a name, all but the first carry their place in the key."""
    named: dict[str, Any] = {}
    for model in sorted(models, key=lambda it: (it.name, it.path, it.line)):
        key = model.name if model.name not in named else f"{model.name} ({model.path}:{model.line})"
        named[key] = {
            "table": model.table,
            "columns": model.columns,
            "relationships": {
                name: {"target": it.target, "lazy": it.lazy, "many": it.many}
                for name, it in sorted(model.relationships.items())
            },
        }
    return named


def _practice(practice: Practice) -> dict[str, Any]:
    return {
        "topic": practice.topic,
        "advice": practice.advice,
        "applies_to": practice.applies_to,
        "source": practice.source,
    }
