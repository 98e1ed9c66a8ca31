"""Where the contents of attachments lie."""

from pathlib import Path

from app.settings import settings


class FileStore:
    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, key: str, content: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / key).write_bytes(content)

    def load(self, key: str) -> bytes:
        return (self._root / key).read_bytes()

    def remove(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)


file_store = FileStore(settings.storage_dir)
