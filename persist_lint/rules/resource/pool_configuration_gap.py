"""An engine of a service whose pool is unlimited, untested or unbounded.

What: an engine for a database server grows without limit, hands out connections that may be dead, opens one per use,
sets no timeout for statements, or has fewer connections than the threads that wait for them.

Why: a restart or an idle cut-off shows as errors in requests; one slow query holds a connection for ever.

Instead: ``pool_pre_ping=True``, a pool size that fits the workers, ``pool_recycle`` below the idle cut-off, and a
statement timeout in ``connect_args``.

Not reported: SQLite, tests, migrations, one-shot commands, engines that live for one call, options that cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.engines import EngineView, Option, Variant
from persist_lint.link.pools import THREADS
from persist_lint.link.project import Project
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Effort, Severity

RULE = Rule(
    number=404,
    name="pool-configuration-gap",
    family=Family.RESOURCE,
    check="pool_configuration",
    title="An engine's pool is unlimited, untested or unbounded",
    effort=Effort.S,
    principle="Resource Lifecycle / Pool Configuration",
    severities=(
        (Severity.HIGH, "an unlimited pool"),
        (Severity.MEDIUM, "no test before use, no pool, no statement timeout, fewer connections than threads"),
        (Severity.LOW, "only pool_recycle against idle cut-offs; everything left at its default"),
    ),
    recommendation="Set pool_pre_ping=True, pool_size and max_overflow for the workers, and a statement timeout.",
    sources=("https://docs.sqlalchemy.org/en/20/core/pooling.html",),
    bad="""
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()
engine = create_async_engine("postgresql+asyncpg://db/app")  # error: [pool-configuration-gap]

@app.get("/")
async def index() -> str:
    return "ok"
""",
    good="""
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()
limits = {"command_timeout": 30}
engine = create_async_engine("postgresql+asyncpg://db/app", pool_pre_ping=True, pool_size=10, connect_args=limits)

@app.get("/")
async def index() -> str:
    return "ok"
""",
)
SIZES = ("pool_size", "max_overflow", "pool_timeout", "pool_recycle")
Gap = tuple[Severity, str]


def check(project: Project) -> Iterator[Finding]:
    """One finding per engine that serves, with all its gaps."""
    for function in project.functions():
        for view in project.engines.of(function.function):
            serving = project.pools.serving(view)
            gaps = dict.fromkeys(gap for variant in serving for gap in _gaps(project, view, variant))
            if gaps:
                ordered = sorted(gaps, key=lambda gap: -gap[0])
                message = f"Engine for {serving[0].dialect(project.dialect)}: " + "; ".join(text for _, text in ordered)
                yield function.finding(RULE, view.site.at, message, ordered[0][0], trace=_trace(serving))


def _gaps(project: Project, view: EngineView, variant: Variant) -> Iterator[Gap]:
    pool, ping = variant.option("poolclass"), variant.option("pool_pre_ping")
    pooled = not pool.named("NullPool", "StaticPool")
    if pooled and (variant.option("max_overflow").may_be(-1) or variant.option("pool_size").may_be(0)):
        yield Severity.HIGH, "the pool grows without limit"
    if pooled and ping.off and not project.pools.pings:
        off = "pool_pre_ping is off by default" if ping.settable else "no pool_pre_ping"
        recycled = not variant.option("pool_recycle").absent
        yield Severity.LOW if recycled else Severity.MEDIUM, f"connections are not tested before use ({off})"
    if not pooled and not project.pools.pools_elsewhere(variant):
        yield Severity.MEDIUM, f"{variant.pool or 'NullPool'} opens a connection for every use"
    if not project.pools.bounds_statements(variant):
        connecting = "" if project.pools.bounds_connecting(variant) else " and no connect timeout"
        yield Severity.MEDIUM, f"no statement timeout{connecting}"
    size = capacity(variant)
    if pooled and not view.is_async and size is not None and size < THREADS and project.pools.threaded_handlers:
        yield Severity.MEDIUM, f"{THREADS} threads of def endpoints share {size} connections"
    if pooled and all(variant.option(name).absent for name in SIZES):
        yield Severity.LOW, "pool size left at its defaults (5 + 10)"


def capacity(variant: Variant) -> int | None:
    """The most connections that the pool opens; None where that is not known."""
    size, overflow = _number(variant.option("pool_size"), 5), _number(variant.option("max_overflow"), 10)
    return None if size is None or overflow is None or size == 0 or overflow < 0 else size + overflow


def _number(option: Option, default: int) -> int | None:
    if option.absent:
        return default
    return option.value if isinstance(option.value, int) else None


def _trace(variants: list[Variant]) -> list[Step]:
    steps = [
        Step(frame.caller.function.module.path, frame.call.at, f"made through {frame.function.name}()")
        for frame in (variant.frame for variant in variants)
        if frame.caller is not None and frame.call is not None
    ]
    return list(dict.fromkeys(steps))
