#!/usr/bin/env python3
"""Print the shell line that follows a marker comment in README.md, word for word.

readme_line.py README.md tests      the one line of the code block after <!-- ci: tests -->
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main(readme: str, marker: str) -> int:
    """0 with the line printed, 2 when there is not exactly one line after exactly one such marker."""
    text = Path(readme).read_text("utf-8")
    blocks = re.findall(rf"<!-- ci: {re.escape(marker)} -->\s*```sh\n(.*?)\n```", text, re.DOTALL)
    if len(blocks) != 1 or "\n" in blocks[0]:
        print(f"{readme}: want one line in one ```sh block after <!-- ci: {marker} -->", file=sys.stderr)
        return 2
    print(blocks[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
