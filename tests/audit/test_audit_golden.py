"""The five documents of the hand-made run, byte for byte. PERSIST_LINT_REGENERATE=1 rewrites the golden files."""

import os
from pathlib import Path

import pytest
from audit.samples import RULES, TODAY, analysis, job_service
from msgspec.structs import replace

from persist_lint.audit.run import audit, consolidated
from persist_lint.model.analysis import FamilyRun
from persist_lint.model.rule import Family

GOLDEN = Path(__file__).parent / "golden"


def documents():
    result = audit(job_service(), today=TODAY, rules=RULES, write=False)
    return {document.path.name: document.text for document in (*result.workers, result.report)}


@pytest.mark.parametrize(
    "name",
    [
        "651-query-efficiency.md",
        "652-transaction-correctness.md",
        "653-runtime-performance.md",
        "654-resource-lifecycle.md",
        "persistence_audit.md",
    ],
)
def test_document_is_as_committed(name):
    text = documents()[name]
    if os.environ.get("PERSIST_LINT_REGENERATE"):
        (GOLDEN / name).write_bytes(text.encode())
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_clean_project():
    result = audit(analysis(), today=TODAY, rules=RULES, write=False)
    assert result.summary == ("Score: 10.0/10 | Issues: 0 (C:0 H:0 M:0 L:0)",) * 4
    assert "No findings." in result.workers[0].text
    assert "Nothing to do." in result.report.text
    assert str(result.overall) == "10.0"


def test_failed_family_is_reported_and_outside_the_average():
    broken = FamilyRun(Family.QUERY, "error", "query-in-loop: KeyError: 'x'")
    run = analysis(families=(broken, *analysis().families[1:]))
    result = audit(run, today=TODAY, rules=RULES, write=False)
    assert result.failed == (Family.QUERY,)
    assert "\nscore: –\n" in result.workers[0].text
    assert "\nstatus: error\n" in result.workers[0].text
    assert "Error: query-in-loop: KeyError: 'x'\n" in result.workers[0].text
    assert str(result.overall) == "10.0"
    assert "| Query Efficiency | – | Worker failed: query-in-loop: KeyError: 'x' |" in result.report.text


def test_nothing_completed_has_no_score():
    run = analysis(families=tuple(FamilyRun(family, "skipped", "no database") for family in Family))
    result = audit(run, today=TODAY, rules=RULES, write=False)
    assert result.overall is None
    assert "| **Overall** | **–** |" in result.report.text
    assert "No category was completed, so there is no overall score." in result.report.text


def test_order_of_findings_and_rules_changes_nothing():
    run = job_service()
    turned = replace(run, findings=run.findings[::-1], families=run.families[::-1])
    one = audit(run, today=TODAY, rules=RULES, write=False)
    other = audit(turned, today=TODAY, rules=RULES[::-1], write=False)
    assert (one.workers, one.report, one.summary) == (other.workers, other.report, other.summary)


def test_hosts_print_the_same_report():
    assert consolidated(job_service(), today=TODAY, rules=RULES) == documents()["persistence_audit.md"]


def test_validation_can_be_switched_off():
    result = audit(job_service(), today=TODAY, rules=RULES, write=False, validated=False)
    assert result.scores == result.raw
    assert (len(result.verdict.findings), result.verdict.advisories, result.verdict.lowered) == (6, (), ())
    assert "Raw scores: context validation was switched off.\n" in result.report.text
    assert " Context validation was switched off.\n" in result.report.text
    assert "No advisory findings." in result.report.text
