"""The project context: REPORT's keys, plain data, ordered."""

import json

from audit.samples import TODAY, adr, analysis, discovered, job_service
from msgspec.structs import replace

from persist_lint.audit.context import project_context
from persist_lint.model.analysis import Discovered, Engine, Model
from persist_lint.model.context import Surroundings, Trigger


def test_whole_context():
    context = project_context(job_service(), today=TODAY)
    assert json.loads(json.dumps(context)) == context
    assert context == {
        "tech_stack": {
            "db": "postgresql",
            "db_version": "16",
            "driver": None,
            "orm": None,
            "orm_version": None,
            "async": "asyncio",
            "frameworks": ["fastapi"],
            "framework_versions": {},
            "queues": [],
            "team_id": None,
        },
        "best_practices": {
            "sqlalchemy": [
                {
                    "topic": "bulk",
                    "advice": "Send one UPDATE.",
                    "applies_to": ">=2.0",
                    "source": "https://docs.sqlalchemy.org/20/bulk",
                }
            ]
        },
        "db_config": {
            "expire_on_commit": False,
            "engines": [
                {
                    "path": "app/db.py",
                    "line": 5,
                    "async": True,
                    "pool_size": 10,
                    "max_overflow": 20,
                    "pool_pre_ping": True,
                    "pool_recycle": None,
                }
            ],
            "pool_size": 10,
            "max_overflow": 20,
            "session_factories": [
                {
                    "path": "app/db.py",
                    "line": 9,
                    "name": "make_session",
                    "async": True,
                    "expire_on_commit": False,
                    "autoflush": None,
                }
            ],
            "triggers": [
                {
                    "table": "jobs",
                    "event": "UPDATE",
                    "function": "notify_job_events",
                    "channel_name": "job_events",
                    "path": "m/1.py",
                    "line": 31,
                }
            ],
            "event_publishers": [],
            "event_subscribers": [
                {"channel_name": "job_events", "file": "app/stream.py", "line": 12, "technology": "postgresql"}
            ],
        },
        "models": {
            "Job": {
                "table": "jobs",
                "columns": 17,
                "relationships": {"steps": {"target": "JobStep", "lazy": "select", "many": True}},
            }
        },
        "adrs": [{"id": "ADR-007", "title": "Exports hold their lock", "path": "docs/adr/0007-decision.md"}],
        "sources": {"tech_stack.db": "docker-compose.yml:4"},
        "codebase_root": "/srv/project",
        "output_dir": "docs/project/.audit/ln-650/2026-11-22",
    }


def test_keys_keep_their_order():
    assert list(project_context(analysis(), today=TODAY)) == [
        "tech_stack",
        "best_practices",
        "db_config",
        "models",
        "adrs",
        "sources",
        "codebase_root",
        "output_dir",
    ]


def test_order_of_what_was_found_changes_nothing():
    engines = tuple(Engine(path=path, line=1, is_async=False, pool_size=size) for path, size in (("b", 5), ("a", 10)))
    jobs = tuple(
        Model(name="Job", table=None, columns=1, relationships={}, path=path, line=2) for path in ("z.py", "a.py")
    )
    triggers = (
        Trigger("t", "jobs", "UPDATE", "f", ("one", "two"), "m.py", 3),
        Trigger("a", "jobs", "INSERT", "g", (), "m.py", 9),
    )
    texts = []
    for step in (1, -1):
        found = replace(discovered(), engines=engines[::step], models=jobs[::step])
        around = Surroundings(triggers=triggers[::step], adrs=(adr("x"), adr("y", id="ADR-001"))[::step])
        texts.append(json.dumps(project_context(analysis(discovered=found, surroundings=around), today=TODAY)))
    assert texts[0] == texts[1]
    context = json.loads(texts[0])
    assert list(context["models"]) == ["Job", "Job (z.py:2)"]
    assert [it["channel_name"] for it in context["db_config"]["triggers"]] == [None, "one", "two"]
    assert context["db_config"]["pool_size"] is None
    assert [it["id"] for it in context["adrs"]] == ["ADR-001", "ADR-007"]


def test_nothing_found():
    context = project_context(analysis(discovered=Discovered()), today=TODAY, output_dir="elsewhere")
    assert context["db_config"]["expire_on_commit"] is None
    assert context["models"] == {}
    assert context["output_dir"] == "elsewhere"
