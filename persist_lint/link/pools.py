"""What surrounds an engine's pool: whether the engine serves, who tests its connections, what bounds its statements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.context.urls import read_url
from persist_lint.context.versions import is_server_dialect
from persist_lint.link.choices import Entries
from persist_lint.link.constants import Frame
from persist_lint.link.contexts import HOT, is_test
from persist_lint.link.engines import EngineView, Variant
from persist_lint.link.index import Function
from persist_lint.link.sites import Site
from persist_lint.model.effect import SQL_KINDS

if TYPE_CHECKING:
    from persist_lint.link.project import Project

SERVERLESS = frozenset({"mangum", "aws_lambda_powertools", "functions_framework", "chalice", "zappa", "azure"})
TIMEOUTS = ("statement_timeout", "command_timeout", "max_execution_time", "max_statement_time")
TIMEOUT_ARGS = ("command_timeout", "read_timeout", "write_timeout", "init_command", "statement_timeout")
PING_EVENTS = frozenset({"engine_connect", "checkout"})
#: Threads that Starlette (anyio) gives to ``def`` endpoints.
THREADS = 40


class Pools:
    """Answers of one project about its engines' pools."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._events: frozenset[str] | None = None
        self._texts: bool | None = None
        self._threaded: tuple[Function, ...] | None = None

    def serving(self, view: EngineView) -> list[Variant]:
        """The variants in which an engine serves: a server database, in a service, kept as long as the process."""
        if not any(entry.kind in HOT for entry in self._project.contexts.entries):
            return []
        return [v for v in view.variants if self._serves(view, v)]

    def _serves(self, view: EngineView, variant: Variant) -> bool:
        if variant.asked or not is_server_dialect(variant.dialect(self._project.dialect)):
            return False
        outermost = variant.outermost
        kinds = self._project.contexts.kinds(outermost)
        if kinds and kinds <= {"cli", "test", "migration"} and not self._is_application(outermost):
            return False
        if is_test(outermost.module.path) or outermost.module.path in self._project.surroundings.migrations:
            return False
        return self._lives_on(view, variant)

    def _lives_on(self, view: EngineView, variant: Variant) -> bool:
        """Whether the engine is kept: by a module, a container, an object that is itself kept; not dropped."""
        for function, site in self._chain(view, variant.frame):
            kinds = self._project.resources.leaves(function, site)
            if function.is_module or "moved" in kinds or ("kept" in kinds and function.name != "__init__"):
                return True
            if not kinds & {"returned", "kept", "wrapped"}:
                return False
        return True

    def _is_application(self, outermost: Function) -> bool:
        """Whether it is a module that is started from outside, but holds handlers itself."""
        functions = outermost.module.functions
        return outermost.is_module and any(self._project.contexts.kinds(one) & HOT for one in functions)

    def _chain(self, view: EngineView, frame: Frame) -> Iterator[tuple[Function, Site]]:
        """The call that makes the engine, and those of the wrappers around it."""
        yield view.function, view.site
        while frame.caller is not None and frame.call is not None:
            function = frame.caller.function
            site = self._project.world.flow(function).sites.get(frame.call)
            if site is not None:
                yield function, site
            frame = frame.caller

    # ------------------------------------------------------------------ what makes up for an option

    @property
    def pings(self) -> bool:
        """Whether a listener of the project tests connections."""
        if self._events is None:
            self._events = frozenset(self._listened())
        return not self._events.isdisjoint(PING_EVENTS)

    def _listened(self) -> Iterator[str]:
        for function in self._project.relevant:
            if is_test(function.module.path):
                continue
            for site in self._project.world.flow(function).sites.values():
                if site.name.rpartition(".")[2] in ("listens_for", "listen") and len(site.args) >= 2:
                    sym = site.args[1].sym
                    if sym[0] == "const" and isinstance(sym[1], str):
                        yield sym[1]

    def bounds_statements(self, variant: Variant) -> bool:
        """Whether a timeout for statements is set, or may be set where it cannot be seen."""
        if not variant.connect_arg(*TIMEOUT_ARGS).absent or any(t in (variant.text or "") for t in TIMEOUTS):
            return True
        options = variant.connect_arg("options")
        settings = variant.connect_arg("server_settings")
        if options.unknown or settings.unknown or self._says_timeout():
            return True
        texts = [p.value for p in options.choices if p is not None and isinstance(p.value, str)]
        names = [n for p in settings.choices if p is not None and isinstance(p.value, Entries) for n in p.value.items]
        return any(word in text for word in TIMEOUTS for text in (*texts, *names))

    def _says_timeout(self) -> bool:
        """Whether the project sends ``SET statement_timeout`` anywhere."""
        if self._texts is None:
            functions = [one for one in self._project.relevant if not is_test(one.module.path)]
            sites = (site for one in functions for site in self._project.world.flow(one).sites.values())
            syms = (value.sym for site in sites for value in site.args)
            texts = (sym[1] for sym in syms if sym[0] == "const" and isinstance(sym[1], str))
            settings = (text for text in texts if text.upper().startswith(("SET ", "ALTER ")))
            self._texts = any(word in text for text in settings for word in TIMEOUTS)
        return self._texts

    def bounds_connecting(self, variant: Variant) -> bool:
        """Whether connecting ends by itself: psycopg2 alone waits as long as the network does."""
        if self.driver(variant) != "psycopg2":
            return True
        given = variant.connect_arg("connect_timeout")
        return not given.absent or "connect_timeout" in (variant.text or "")

    def driver(self, variant: Variant) -> str | None:
        """The driver of an engine by its URL, else the project's."""
        url = read_url(variant.text) if variant.text is not None else None
        if url is not None and url.db != "sqlite":
            return url.driver or ("psycopg2" if url.db == "postgresql" else None)
        return self._project.surroundings.stack.driver

    def pools_elsewhere(self, variant: Variant) -> bool:
        """Whether a pool of its own would be wrong: behind pgbouncer, or in functions that live for one call."""
        for name in ("statement_cache_size", "prepared_statement_cache_size", "prepare_threshold"):
            given = variant.connect_arg(name)
            if given.unknown or given.may_be(0, None):
                return True
        if "bouncer" in (variant.text or "") or ":6432" in (variant.text or ""):
            return True
        modules = self._project.world.index.modules.values()
        return any(i.module.split(".")[0] in SERVERLESS for m in modules for i in m.facts.imports if not i.level)

    # ------------------------------------------------------------------ demand

    @property
    def threaded_handlers(self) -> tuple[Function, ...]:
        """The ``def`` endpoints that Starlette runs in its thread pool and that work with a database."""
        if self._threaded is None:
            summaries = self._project.summaries
            entries = [e for e in self._project.contexts.entries if e.kind == "request" and e.in_thread]
            self._threaded = tuple(
                e.function
                for e in entries
                if any(i.module.split(".")[0] in ("fastapi", "starlette") for i in e.function.module.facts.imports)
                and any(effect.kind in SQL_KINDS for effect in summaries.of(e.function))
            )
        return self._threaded
