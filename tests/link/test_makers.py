"""What makes a session is looked for in what a function names; symbols that it does not know lead nowhere."""

from pathlib import Path

from link.build import project_of

from persist_lint.link.constants import Frame


def test_parameter_of_another_function_leads_nowhere(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"a.py": "def f(session):\n    session.flush()\n"})
    function = project.function_named("a.f")
    assert function is not None
    assert project.makers.of(Frame(function), ("param", 7)) == ()
