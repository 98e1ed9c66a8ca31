#!/usr/bin/env python3
"""Print what a wheel asks for with some of its extras, one requirement a line, as direct requirements.

requirements_of.py persist_lint-1.0-py3-none-any.whl test
"""

from __future__ import annotations

import re
import sys
import zipfile
from email.parser import HeaderParser

EXTRA = re.compile(r"""(?:\s*(?:;|\band\b)\s*)?extra\s*==\s*["']([\w.-]+)["']""")


def main(wheel: str, *extras: str) -> int:
    """0 with the requirements printed; whatever cannot be read is a traceback."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    for requirement in metadata.get_all("Requires-Dist", []):
        extra = EXTRA.search(requirement)
        if extra is None or extra[1] in extras:
            print(EXTRA.sub("", requirement))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
