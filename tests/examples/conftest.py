"""The two examples, and the world outside them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from example_service import EXAMPLES, ROOT, Outside, environment, migrate, running

RECORDER = ROOT / "benchmarks" / "edge_recorder"


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    server = Outside()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture(scope="session", params=sorted(EXAMPLES))
def example(request: pytest.FixtureRequest) -> Path:
    """Each example in turn."""
    return EXAMPLES[request.param]


@pytest.fixture(scope="session")
def edges(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the running example writes down which of its functions call which."""
    if "PERSIST_LINT_EDGES" in os.environ:  # somebody records already: ``benchmarks/edges.py examples``
        return Path(os.environ["PERSIST_LINT_EDGES"])
    return tmp_path_factory.mktemp(f"{example.name}-edges")


@pytest.fixture(scope="session")
def service(
    example: Path, edges: Path, outside: Outside, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The example on its embedded default, migrated and started."""
    folder = tmp_path_factory.mktemp(example.name)
    url = f"sqlite+aiosqlite:///{folder / 'jobs.db'}"
    env = environment(folder, url, JOB_SERVICE_RATING_URL=outside.url("/ratings"))
    migrate(example, env)
    recorded = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(RECORDER), os.environ.get("PYTHONPATH")])),
        "PERSIST_LINT_EDGES": str(edges),
        "PERSIST_LINT_EDGES_ROOTS": str(example),
    }
    with running(example, {**env, **recorded}, folder / "uvicorn.log") as client:
        yield client
