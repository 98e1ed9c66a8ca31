"""Says in the head of every run which persist_lint is tested: the work tree's or an installed one."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

import persist_lint

# How long one example takes says how busy the machine is, not whether the property holds.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_report_header() -> str:
    return f"persist_lint {persist_lint.__version__} from {Path(persist_lint.__file__).parent}"
