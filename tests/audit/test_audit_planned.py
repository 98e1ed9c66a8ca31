"""Rule 1: what decisions and plans excuse, and what they do not."""

import pytest
from audit.samples import adr, analysis, around, discovered, finding

from persist_lint.audit.validate import validate
from persist_lint.model.finding import EntryPoint
from persist_lint.model.severity import Severity

EXPORT = finding(
    202,
    Severity.HIGH,
    "app/services/export.py",
    function="app.services.export.ReportExporter.render_all",
    message="HTTP request to the renderer while the transaction begun for Job is open",
)


def advisories(found, *adrs):
    return validate(analysis(found, surroundings=around(*adrs), discovered=discovered())).advisories


def test_evidence_is_shown():
    [advisory] = advisories(EXPORT, adr("app/services/export.py:40 keeps its transaction open.", title="Exports"))
    assert advisory.rule == "planned-or-decided"
    assert advisory.label == "[Planned: ADR-007]"
    assert advisory.evidence == (
        "ADR-007 at docs/adr/0007-decision.md:1: Exports",
        "it names app/services/export.py",
        "and speaks of open, transaction",
    )


@pytest.mark.parametrize(
    "text",
    [
        "`app/services/export.py` holds its transaction during the call.",
        "services/export.py holds its transaction.",
        "`export.py` leaves the transaction open while it renders.",
        "app.services.export.ReportExporter.render_all may hold transactions.",
        "ReportExporter.render_all may hold its transaction.",
        "`render_all` leaves its transaction open.",
        "The ReportExporter leaves its transactions open.",
        "app/services/ may keep transactions open.",
        "While a Job is exported the transaction stays open over HTTP.",
        "# Context\n\nSomething else.\n\n# Decision\n\n- app/services/export.py keeps a wide transaction\n- more",
    ],
)
def test_match(text):
    assert [it.finding for it in advisories(EXPORT, adr(text))] == [EXPORT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "We use transactions.",
        "A transaction is opened for every request; sessions come from the pool.",
        "app/services/export.py is written in Python.",
        "app/services/import.py keeps its transaction open.",
        "A Job has a transaction.",
        "Jobs are rendered over HTTP.",
        "`render_all` renders.",
        "The transaction of app/services/export.py must not be open during HTTP requests.",
        "app/services/export.py writes PDFs.\n\nElsewhere a transaction may stay open.",
    ],
)
def test_no_match(text):
    assert advisories(EXPORT, adr(text)) == ()


@pytest.mark.parametrize("text", ["main.py keeps its transaction open.", "`run` keeps its transaction open over HTTP."])
def test_ordinary_names_are_no_place(text):
    found = finding(202, Severity.HIGH, "app/main.py", function="app.main.run", message="a transaction is open")
    assert advisories(found, adr(text)) == ()


def test_common_words_need_an_exact_place():
    found = finding(107, Severity.HIGH, "app/feeds/nightly.py", message="query for jobs per row of the session")
    assert advisories(found, adr("Each job has a query per row in a session, nightly.py says.")) == ()
    assert len(advisories(found, adr("app/feeds/nightly.py sends a query per row."))) == 1


def test_channels_and_tables_are_names():
    found = finding(204, Severity.HIGH, message="rollback missing before job_events is notified")
    assert len(advisories(found, adr("No rollback is notified on job_events; listeners poll."))) == 1
    assert advisories(found, adr("No rollback is notified on other_events; listeners poll.")) == ()


@pytest.mark.parametrize("status", ["superseded", "superseded by adr-009", "rejected", "deprecated"])
def test_void_decisions_do_not_excuse(status):
    text = "app/services/export.py keeps its transaction open."
    assert advisories(EXPORT, adr(text, status=status)) == ()
    assert len(advisories(EXPORT, adr(text, status="proposed"))) == 1


def test_a_roadmap_plans_what_a_decision_forbids():
    text = "Never hold the transaction open in app/services/export.py"
    assert advisories(EXPORT, adr(text)) == ()
    [advisory] = advisories(EXPORT, adr(text, id="Q1", path="docs/ROADMAP.md", line=12))
    assert (advisory.label, advisory.evidence[0]) == ("[Planned: Q1]", "Q1 at docs/ROADMAP.md:12: A decision")


def test_the_best_match_is_named_whatever_the_order():
    weak = adr("export.py keeps its transaction open.", id="ADR-001")
    strong = adr("app/services/export.py keeps the transaction open for a Job.", id="ADR-009")
    again = adr("app/services/export.py keeps the transaction open for a Job.", id="ADR-010")
    for order in ((weak, strong, again), (again, strong, weak)):
        assert [it.label for it in advisories(EXPORT, *order)] == ["[Planned: ADR-009]"]


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.LOW])
def test_critical_and_low_are_never_touched(severity):
    found = finding(202, severity, "app/services/export.py")
    assert advisories(found, adr("app/services/export.py: transaction, wide")) == ()


@pytest.mark.parametrize("kind", ["request", "websocket", "stream", "worker", "dependency"])
def test_n_update_loop_on_a_hot_path_is_exempt(kind):
    decided = adr("app/jobs/a.py updates in a loop.")
    entry = (EntryPoint(kind, "app.x", "app/x.py", 1),)
    assert advisories(finding(102, Severity.HIGH, "app/jobs/a.py", entry_points=entry), decided) == ()
    cold = (EntryPoint("scheduled", "app.x", "app/x.py", 1),)
    assert len(advisories(finding(102, Severity.HIGH, "app/jobs/a.py", entry_points=cold), decided)) == 1


def test_lists_are_in_order():
    found = [finding(107, Severity.LOW, path, line) for path in ("b.py", "a.py") for line in (9, 3)]
    assert [(it.path, it.span.line) for it in validate(analysis(*found)).findings] == [
        ("a.py", 3),
        ("a.py", 9),
        ("b.py", 3),
        ("b.py", 9),
    ]
