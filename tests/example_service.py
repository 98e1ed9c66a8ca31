"""Brings an example service up: its migrations and uvicorn in processes of their own, on a free loopback port."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {name: ROOT / "examples" / name for name in ("job_service", "job_service_fixed")}
ATTEMPTS = 200
PAUSE = 0.05
#: Several commands in one process: starting it costs more than they do.
ALEMBIC = "import sys; from alembic.config import main; [main(command.split()) for command in sys.argv[1:]]"


class Outside(ThreadingHTTPServer):
    """The world outside: a rating agency at /ratings, customers' hooks at /hook (takes) and /broken (fails)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.delivered: list[dict[str, object]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Answer(BaseHTTPRequestHandler):
    server: Outside

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        body = json.dumps({"rating": "AA"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/hook":
            self.server.delivered.append(payload)
        self.send_response(204 if self.path == "/hook" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()


def environment(folder: Path, database_url: str, **more: str) -> dict[str, str]:
    """The variables under which everything the service writes goes to the folder."""
    own = {
        "JOB_SERVICE_DATABASE_URL": database_url,
        "JOB_SERVICE_STORAGE_DIR": str(folder / "attachments"),
        "JOB_SERVICE_HEARTBEAT_FILE": str(folder / "heartbeat"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {**os.environ, **own, **more}


def migrate(example: Path, env: Mapping[str, str], *commands: str) -> None:
    """Runs alembic's commands there, `upgrade head` if none is given; fails with their output."""
    done = subprocess.run(
        [sys.executable, "-c", ALEMBIC, *(commands or ("upgrade head",))],
        cwd=example,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(client: httpx.Client, path: str, wanted: int = 200) -> httpx.Response:
    """The first answer with the wanted status; asks a bounded number of times."""
    seen = "no connection"
    for _ in range(ATTEMPTS):
        try:
            response = client.get(path)
        except httpx.TransportError as error:
            seen = repr(error)
        else:
            if response.status_code == wanted:
                return response
            seen = f"{response.status_code}: {response.text}"
        time.sleep(PAUSE)
    raise AssertionError(f"{path} never answered {wanted}; last: {seen}")


@contextmanager
def running(example: Path, env: Mapping[str, str], log: Path) -> Iterator[httpx.Client]:
    """The started service, as a client of it; its log is shown when it does not come up."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=example, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            # no connection is used twice: uvicorn drops one on which it answered 500, and only after the answer
            limits = httpx.Limits(max_keepalive_connections=0)
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=address, timeout=10.0, trust_env=False, limits=limits) as client:
                try:
                    until(client, "/health/live")
                except AssertionError as error:
                    raise AssertionError(f"{error}\n{log.read_text(errors='replace')}") from None
                yield client
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
