"""The files of an audit: whole or untouched, replaced on the same day, never deleted; and the results log."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from audit.samples import RULES, TODAY, analysis, finding, job_service
from msgspec.structs import replace

from persist_lint.audit import write as write_module
from persist_lint.audit.history import encode_log, past, with_row
from persist_lint.audit.run import audit
from persist_lint.audit.write import AuditWriteError, write_all
from persist_lint.model.severity import Severity

HEADER = "| Date | Skill | Metric | Scale | Score | Delta |\n| ---- | ----- | ------ | ----- | ----- | ----- |\n"


def tree(root):
    """Every file below a directory with its bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def run_at(root, run=None, today=TODAY, **more):
    run = replace(run or job_service(), root=str(root))
    return audit(run, today=today, rules=RULES, **more)


def test_an_audit_writes_five_files_and_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_at(tmp_path)
    folder = "docs/project/.audit/ln-650/2026-11-22"
    assert sorted(tree(tmp_path)) == [
        f"{folder}/651-query-efficiency.md",
        f"{folder}/652-transaction-correctness.md",
        f"{folder}/653-runtime-performance.md",
        f"{folder}/654-resource-lifecycle.md",
        "docs/project/.audit/results_log.md",
        "docs/project/persistence_audit.md",
    ]
    for document in (*result.workers, result.report):
        assert document.path.read_bytes() == document.text.encode()
    log = (tmp_path / "docs/project/.audit/results_log.md").read_text(encoding="utf-8")
    assert log == f"# Audit Results Log\n\n{HEADER}| 2026-11-22 | ln-650 | overall_score | 0-10 | 8.8 | – |\n"
    assert result.summary == (
        f"Report written: {folder}/651-query-efficiency.md",
        "Score: 8.8/10 | Issues: 2 (C:0 H:1 M:0 L:1)",
        f"Report written: {folder}/652-transaction-correctness.md",
        "Score: 7.0/10 | Issues: 2 (C:1 H:1 M:0 L:0)",
        f"Report written: {folder}/653-runtime-performance.md",
        "Score: 8.5/10 | Issues: 2 (C:0 H:1 M:1 L:0)",
        f"Report written: {folder}/654-resource-lifecycle.md",
        "Score: – | Issues: 0 (C:0 H:0 M:0 L:0)",
    )


def test_a_second_run_changes_no_byte(tmp_path):
    run_at(tmp_path)
    before = tree(tmp_path)
    run_at(tmp_path)
    assert tree(tmp_path) == before


def test_a_second_run_replaces_the_day_and_deletes_nothing(tmp_path):
    run_at(tmp_path)
    beside = tmp_path / "docs/project/.audit/ln-650/2026-11-22/notes.md"
    beside.write_text("mine")
    run_at(tmp_path, analysis())
    assert beside.read_text() == "mine"
    log = (tmp_path / "docs/project/.audit/results_log.md").read_text(encoding="utf-8")
    assert log == f"# Audit Results Log\n\n{HEADER}| 2026-11-22 | ln-650 | overall_score | 0-10 | 10.0 | – |\n"


def test_the_next_day_shows_the_change(tmp_path):
    worse = analysis(*[finding(102, Severity.HIGH, line=line) for line in range(1, 13)])
    run_at(tmp_path, worse)
    better = replace(worse, findings=worse.findings[:11])
    result = run_at(tmp_path, better, date(2026, 11, 24))
    assert "| **Overall** | **7.5/10** | raw 7.5/10; 0.0 since 2026-11-22; penalty 11.0, per 10,000 lines 1.31" in (
        result.report.text
    )
    assert "(raw 1.31, -0.12 since 2026-11-22)" in result.report.text
    assert "The overall score is 7.5/10 (0.0 since 2026-11-22)" in result.report.text
    assert len([path for path in tree(tmp_path) if "ln-650/" in path]) == 8
    assert run_at(tmp_path, better, date(2026, 11, 24)).report == result.report


def test_no_write_writes_nothing(tmp_path):
    result = run_at(tmp_path, write=False)
    assert tree(tmp_path) == {}
    assert result.summary[0] == "Score: 8.8/10 | Issues: 2 (C:0 H:1 M:0 L:1)"
    assert result.report.text == run_at(tmp_path).report.text


def test_other_places(tmp_path):
    elsewhere = tmp_path / "out"
    result = run_at(tmp_path / "p", output_dir=elsewhere / "workers", report_path=elsewhere / "report.md")
    assert result.report.path == elsewhere / "report.md"
    assert sorted(tree(elsewhere)) == [
        "report.md",
        "workers/651-query-efficiency.md",
        "workers/652-transaction-correctness.md",
        "workers/653-runtime-performance.md",
        "workers/654-resource-lifecycle.md",
    ]


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_failing_rename_leaves_all_files_as_they_were(tmp_path, monkeypatch, fails_at):
    (tmp_path / "a").write_bytes(b"old a")
    (tmp_path / "c").write_bytes(b"old c")
    before = tree(tmp_path)
    rename, calls = Path.replace, []

    def failing(self, target):
        calls.append(target)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(AuditWriteError):
        write_all({tmp_path / name: b"new" for name in "abc"})
    assert tree(tmp_path) == before


def test_a_full_disk_leaves_all_files_as_they_were(tmp_path, monkeypatch):
    run_at(tmp_path)
    before = tree(tmp_path)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(write_module.os, "fsync", full)
    with pytest.raises(AuditWriteError) as caught:
        run_at(tmp_path, analysis())
    named = tmp_path / "docs/project/.audit/ln-650/2026-11-22/654-resource-lifecycle.md"
    assert str(caught.value) == (
        f"cannot write {named}: No space left on device; "
        "choose another place with --output-dir and --report, or print with --no-write"
    )
    assert tree(tmp_path) == before


def test_works_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(write_module.os, "link", refuse)
    (tmp_path / "a").write_bytes(b"old")
    write_all({tmp_path / "a": b"new"})
    assert tree(tmp_path) == {"a": b"new"}


def test_a_file_where_a_directory_is_needed(tmp_path):
    (tmp_path / "docs").write_text("a file")
    with pytest.raises(
        AuditWriteError, match=r"^cannot (read|write) .*: Not a directory; choose another place [^\n]*$"
    ):
        run_at(tmp_path)
    assert tree(tmp_path) == {"docs": b"a file"}


def test_a_directory_where_a_file_is_needed(tmp_path):
    (tmp_path / "docs/project/persistence_audit.md").mkdir(parents=True)
    with pytest.raises(AuditWriteError, match=r"persistence_audit\.md: Is a directory; "):
        run_at(tmp_path)
    assert tree(tmp_path) == {}


def test_a_link_is_replaced_and_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / "report.md").symlink_to(target)
    write_all({tmp_path / "report.md": b"new"})
    assert target.read_bytes() == b"precious"
    assert (tmp_path / "report.md").read_bytes() == b"new"
    assert not (tmp_path / "report.md").is_symlink()


def test_mode_is_kept(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    write_all({tmp_path / "a": b"new"})
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def row(day, score="8.0", delta="0.0", skill="ln-650"):
    return f"| {day} | {skill} | overall_score | 0-10 | {score} | {delta} |\n"


def test_delta_is_against_the_last_row_of_an_earlier_day():
    log = HEADER + row("2026-11-01", "5.0") + row("2026-11-20", "8.0") + row("2026-11-22", "1.0")
    expected = HEADER + row("2026-11-01", "5.0") + row("2026-11-20", "8.0") + row("2026-11-22", "8.3", "+0.3")
    assert with_row(log, TODAY, Decimal("8.3")) == expected


def test_at_most_fifty_rows():
    days = [f"2026-{month:02}-{day:02}" for month in (8, 9) for day in range(1, 26)]
    log = HEADER + "".join(row(day) for day in days)
    expected = HEADER + "".join(row(day) for day in days[1:]) + row("2026-11-22", "8.0")
    assert with_row(log, TODAY, Decimal("8.0")) == expected
    assert with_row(expected, TODAY, Decimal("8.0")) == expected


def test_rows_and_text_of_others_stay():
    others = row("2026-11-22", "3.0", skill="ln-620") + "| by hand |\n"
    log = f"# Ours\n\nText | with a bar.\n\n{HEADER}{others}\nAfter.\n"
    expected = f"# Ours\n\nText | with a bar.\n\n{HEADER}{others}{row('2026-11-22', '8.0', '–')}\nAfter.\n"
    assert with_row(log, TODAY, Decimal("8.0")) == expected


def test_a_log_with_more_columns_keeps_them():
    log = "| Date | Skill | Metric | Scale | Score | Status | Delta |\n|---|---|---|---|---|---|---|\n"
    added = "| 2026-11-22 | ln-650 | overall_score | 0-10 | 8.0 |  | – |\n"
    assert with_row(log, TODAY, Decimal("8.0")) == log + added


def test_a_file_without_our_table_gets_one():
    assert with_row("Hello.\n", TODAY, None) == f"Hello.\n\n{HEADER}{row('2026-11-22', '–', '–')}"


def test_bytes_that_are_not_utf8_survive(tmp_path):
    log = tmp_path / "docs/project/.audit/results_log.md"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"caf\xe9\n")
    run_at(tmp_path)
    assert log.read_bytes() == b"caf\xe9\n\n" + encode_log(HEADER + row("2026-11-22", "8.8", "–"))


def test_unreadable_scores_and_days_are_passed_over():
    log = HEADER + row("2026-11-01", "5.0") + row("2026-13-40", "6.0") + row("soon", "6.0") + row("2026-11-03", "nan")
    assert with_row(log, TODAY, Decimal("8.0")).endswith(row("2026-11-22", "8.0", "–"))


def test_past_reads_the_newest_complete_folder(tmp_path):
    run_at(tmp_path, today=date(2026, 11, 1))
    folders = tmp_path / "docs/project/.audit/ln-650"
    (folders / "2026-11-20").mkdir()
    (folders / "2026-11-20/651-query-efficiency.md").write_text("torn")
    (folders / "drafts").mkdir()
    found = past("", folders / "2026-11-22", TODAY)
    assert (found.density_date, found.density) == ("2026-11-01", Decimal("0.68"))
    assert past("", folders / "2026-11-01", date(2026, 11, 1)).density is None
