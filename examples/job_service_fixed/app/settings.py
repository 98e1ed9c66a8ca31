"""Settings of the service: defaults for a developer's machine, overridden by JOB_SERVICE_* variables."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from sqlalchemy import make_url

PREFIX = "JOB_SERVICE_"


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)

    database_url: str = "sqlite+aiosqlite:///./job_service.db"
    rating_url: str = "http://localhost:8081/ratings"
    storage_dir: Path = Path("./data/attachments")
    heartbeat_file: Path = Path("./data/heartbeat")
    pool_size: int = 10
    max_overflow: int = 10
    embedded_worker: bool = True
    poll_seconds: float = 1.0

    @property
    def is_postgresql(self) -> bool:
        return make_url(self.database_url).get_backend_name() == "postgresql"

    @property
    def listener_dsn(self) -> str:
        """The database's address as asyncpg wants it, without SQLAlchemy's driver suffix."""
        return make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def load_settings() -> Settings:
    given = {name: os.environ.get(PREFIX + name.upper()) for name in Settings.model_fields}
    return Settings.model_validate({name: value for name, value in given.items() if value is not None})


settings = load_settings()
