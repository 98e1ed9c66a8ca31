"""Says in the head of every run which persist_lint is tested: the work tree's or an installed one."""

from __future__ import annotations

from pathlib import Path

import persist_lint


def pytest_report_header() -> str:
    return f"persist_lint {persist_lint.__version__} from {Path(persist_lint.__file__).parent}"
