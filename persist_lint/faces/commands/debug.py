"""``persist-lint debug``: what the analyser believes about one function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from persist_lint.faces.errors import FaceError
from persist_lint.faces.output import emit
from persist_lint.faces.run import configured, linked, project_root
from persist_lint.faces.text import plain


def run(
    *,
    question: str,
    place: str,
    form: str | None,
    output_file: Path | None,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Print the answer for ``PATH:FUNCTION``."""
    from persist_lint.link.believed import believed, find
    from persist_lint.link.told import text

    written, _, function = place.rpartition(":")
    path = Path(written)
    if not written or not function:
        raise FaceError(f"{place}: name a file and a function, as in app/jobs.py:Repo.get or app/jobs.py:40")
    if not path.is_file():
        raise FaceError(f"{written}: no such file")
    root = project_root(path)
    project = linked(path, configured(path, options))
    try:
        found = find(project, path.resolve().relative_to(root).as_posix(), function)
    except LookupError as error:
        raise FaceError(str(error.args[0])) from None
    belief = believed(project, question, found)
    if form == "json":
        import msgspec

        emit(msgspec.json.format(msgspec.json.encode(belief), indent=2).decode() + "\n", output_file)
    else:
        emit("".join(f"{plain(line)}\n" for line in text(belief).splitlines()), output_file)
    return 0
