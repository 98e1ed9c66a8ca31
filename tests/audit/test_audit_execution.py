"""Rule 6: signs of harmless context, each with and without effect."""

import pytest
from audit.samples import analysis, finding, with_entries

from persist_lint.audit.validate import validate
from persist_lint.model.analysis import FunctionNote
from persist_lint.model.severity import Severity

BLOCKING = "app.services.billing.run"


def outcome(found, note=None):
    """What validation does with one finding: advisory or a severity, with the evidence."""
    verdict = validate(analysis(found, notes={found.function: note} if note else {}))
    if verdict.advisories:
        [advisory] = verdict.advisories
        assert verdict.findings == verdict.lowered == ()
        assert (advisory.finding, advisory.original_severity) == (found, found.severity)
        return "advisory", advisory.evidence
    if verdict.lowered:
        [lowered] = verdict.lowered
        assert verdict.findings == (lowered.finding,)
        assert (lowered.original_severity, lowered.rule) == (found.severity, "execution-context")
        return lowered.finding.severity.name, lowered.evidence
    assert verdict.findings == (found,)
    return found.severity.name, ()


def blocking(severity=Severity.HIGH, path="app/services/billing.py", **more):
    return finding(301, severity, path, **more)


@pytest.mark.parametrize("name", ["__init__", "setup", "bootstrap", "migrate", "setup_database", "_bootstrap"])
def test_function_that_sets_up(name):
    found = blocking(function=f"app.services.billing.Client.{name}")
    assert outcome(found) == ("MEDIUM", (f"function {name} sets up",))


@pytest.mark.parametrize("name", ["run", "init", "update_setup", "migrated", "bootstrapper"])
def test_function_that_does_not(name):
    assert outcome(blocking(function=f"app.services.billing.{name}")) == ("HIGH", ())


@pytest.mark.parametrize(
    ("path", "folder"), [("app/tasks/a.py", "tasks"), ("jobs/a.py", "jobs"), ("app/cron/deep/a.py", "cron")]
)
def test_file_of_background_work(path, folder):
    assert outcome(blocking(path=path)) == ("MEDIUM", (f"file lies in {folder}/",))


@pytest.mark.parametrize("path", ["app/tasks.py", "app/jobs_api/a.py", "app/my_tasks/a.py", "app/routers/jobs.py"])
def test_file_elsewhere(path):
    assert outcome(blocking(path=path)) == ("HIGH", ())


@pytest.mark.parametrize(
    ("note", "evidence"),
    [
        (FunctionNote(guards=((40, 43, "asyncio.timeout"),)), "safeguard asyncio.timeout around line 41"),
        (FunctionNote(guards=((41, 41, "self.limiter"),)), "safeguard self.limiter around line 41"),
        (FunctionNote(calls=("asyncio.wait_for", "open")), "safeguard asyncio.wait_for in the same function"),
        (FunctionNote(calls=("anyio.move_on_after",)), "safeguard anyio.move_on_after in the same function"),
        (FunctionNote(keywords=("headers", "timeout")), "safeguard timeout= in the same function"),
        (FunctionNote(keywords=("connect_timeout",)), "safeguard connect_timeout= in the same function"),
    ],
)
def test_safeguard_near(note, evidence):
    assert outcome(blocking(), note) == ("MEDIUM", (evidence,))


@pytest.mark.parametrize(
    "note",
    [
        FunctionNote(guards=((42, 50, "self.limiter"),)),
        FunctionNote(guards=((1, 90, "session.begin"), (1, 90, "open"))),
        FunctionNote(calls=("asyncio.TimeoutError", "time.sleep", "asyncio.wait")),
        FunctionNote(keywords=("headers", "time")),
    ],
)
def test_no_safeguard(note):
    assert outcome(blocking(), note) == ("HIGH", ())


@pytest.mark.parametrize(
    ("note", "evidence"),
    [
        (FunctionNote(calls=("stmt.limit",), constants=(0, 50)), "data is small: limit with at most 50 items"),
        (FunctionNote(calls=("itertools.islice",), constants=(99,)), "data is small: islice with at most 99 items"),
        (FunctionNote(calls=("sock.recv",), constants=(4096,)), "data is small: recv with at most 4096 bytes"),
    ],
)
def test_small_data(note, evidence):
    assert outcome(blocking(), note) == ("MEDIUM", (evidence,))


@pytest.mark.parametrize(
    "note",
    [
        FunctionNote(calls=("stmt.limit",), constants=(100,)),
        FunctionNote(calls=("stmt.limit",), constants=(5, 5000)),
        FunctionNote(calls=("stmt.limit",)),
        FunctionNote(calls=("stream.read",), constants=(10,)),
        FunctionNote(calls=("sock.recv",), constants=(102_400,)),
        FunctionNote(constants=(3,)),
    ],
)
def test_data_of_unknown_size(note):
    assert outcome(blocking(), note) == ("HIGH", ())


NOTE = FunctionNote(calls=("stmt.limit",), keywords=("timeout",), constants=(10,))


def test_two_signs_lower_by_one_and_three_set_aside():
    assert outcome(blocking(), NOTE)[0] == "MEDIUM"
    assert outcome(blocking(Severity.MEDIUM), NOTE)[0] == "LOW"
    three = outcome(blocking(path="app/tasks/a.py"), NOTE)
    assert three == (
        "advisory",
        (
            "file lies in tasks/",
            "safeguard timeout= in the same function",
            "data is small: limit with at most 10 items",
        ),
    )


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.LOW])
def test_critical_and_low_are_never_touched(severity):
    assert outcome(blocking(severity, path="app/tasks/a.py"), NOTE) == (severity.name, ())


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        (101, "redundant-entity-fetch"),
        (202, "transaction-too-wide"),
        (305, "cpu-bound-in-async"),
        (401, "resource-scope-mismatch"),
        (402, "streaming-resource-holding"),
    ],
)
def test_all_six_checks_are_looked_at(number, rule):
    found = finding(number, Severity.HIGH, "app/cron/a.py", rule=rule)
    assert outcome(found) == ("MEDIUM", ("file lies in cron/",))


@pytest.mark.parametrize("number", [102, 107, 204, 302, 403])
def test_other_checks_are_not(number):
    assert outcome(finding(number, Severity.HIGH, "app/cron/a.py"), NOTE) == ("HIGH", ())


@pytest.mark.parametrize("kinds", [["background"], ["scheduled", "cli"], ["worker"], ["startup"]])
def test_a_place_that_has_set_the_severity_does_not_count_again(kinds):
    found = with_entries(blocking(Severity.MEDIUM, "app/tasks/a.py", function="app.tasks.a.setup"), *kinds)
    assert outcome(found) == ("MEDIUM", ())
    assert outcome(found, FunctionNote(keywords=("timeout",)))[0] == "LOW"


def test_a_place_that_has_not_set_the_severity_counts():
    graded_hot = with_entries(blocking(Severity.HIGH, "app/tasks/a.py"), "worker")
    also_requested = with_entries(blocking(Severity.MEDIUM, "app/tasks/a.py"), "background", "request")
    not_graded = with_entries(finding(202, Severity.MEDIUM, "app/tasks/a.py"), "background")
    unknown = blocking(Severity.MEDIUM, "app/tasks/a.py")
    assert outcome(graded_hot)[0] == "MEDIUM"
    assert [outcome(it)[0] for it in (also_requested, not_graded, unknown)] == ["LOW"] * 3
