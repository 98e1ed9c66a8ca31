"""What the files around the code say, and what engine joins with link's answers into the project context."""

from __future__ import annotations

from msgspec import Struct


class TechStack(Struct, frozen=True, kw_only=True, rename={"async_": "async"}):
    """The stack, as REPORT prints it; None where nothing says. ``db`` is postgresql, mysql, sqlite, …"""

    db: str | None = None
    db_version: str | None = None
    driver: str | None = None
    orm: str | None = None
    orm_version: str | None = None
    async_: str | None = None
    frameworks: tuple[str, ...] = ()
    framework_versions: dict[str, str] = {}
    queues: tuple[str, ...] = ()
    team_id: str | None = None


class Version(Struct, frozen=True):
    """What is known of a distribution: the locked version, else a specifier (PEP 440), and where it is said."""

    exact: str | None
    specifier: str
    source: str


class Trigger(Struct, frozen=True):
    """A trigger that is live after all migrations: its channels are those its function notifies (may be templates).

    ``channels`` are lower-cased where SQL would do so. ``columns`` are those of ``UPDATE OF``, empty for all.
    """

    name: str
    table: str
    event: str
    function: str
    channels: tuple[str, ...]
    path: str
    line: int
    columns: tuple[str, ...] = ()


class Adr(Struct, frozen=True):
    """An architecture decision or roadmap item: ``status`` lower-cased, "" where none is said."""

    id: str
    title: str
    status: str
    text: str
    path: str
    line: int


class Practice(Struct, frozen=True):
    """One piece of advice for a library: for which versions (PEP 440 specifier), and the official page it is from."""

    topic: str
    advice: str
    applies_to: str
    source: str
    title: str = ""


class Surroundings(Struct, frozen=True, kw_only=True):
    """Everything ``context`` found. ``sources`` names, per fact (``tech_stack.db``), ``path:line``.

    ``versions`` maps normalised distribution names to what is known; ``practices`` library → advice; ``conflicts`` are
    sentences. ``migrations`` are the project-relative paths of migration files.
    """

    stack: TechStack = TechStack()
    versions: dict[str, Version] = {}
    triggers: tuple[Trigger, ...] = ()
    adrs: tuple[Adr, ...] = ()
    practices: dict[str, tuple[Practice, ...]] = {}
    sources: dict[str, str] = {}
    conflicts: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    database_url: str | None = None
