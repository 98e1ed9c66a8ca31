"""Rewrite the expected blocks of golden files: ``python tests/golden/update.py [FILE…]``, all without arguments.

Read the difference before it is committed: a golden file says what is right, not what came out.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Update the files named, print those that changed; 1 if any did."""
    # as a script this runs outside pytest, which knows both paths from its configuration
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
    from golden.runner import updated
    from literate import literate_files

    changed = 0
    for path in [Path(argument) for argument in arguments] or literate_files(HERE):
        old = path.read_text("utf-8")
        new = updated(old, path.name)
        if new != old:
            changed = 1
            draft = path.with_name(f".{path.name}.new")
            draft.write_text(new, "utf-8")
            draft.replace(path)
            print(f"updated {path.name}")
    return changed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
