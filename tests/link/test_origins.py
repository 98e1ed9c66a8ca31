"""Where sessions come from: each way back ends somewhere, or says why it does not."""

import pytest
from link.build import project_of

from persist_lint.link.origins import Origins, sessions_used
from persist_lint.link.project import Project

SOURCES = {
    "app/__init__.py": "",
    "app/db.py": """
from typing import Annotated
from fastapi import Depends
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

Local = sessionmaker(bind=create_engine("sqlite://"))
shared = scoped_session(Local)

def get_session():
    with Local() as session:
        yield session

SessionDep = Annotated[Session, Depends(get_session)]
""",
    "app/repo.py": """
from sqlalchemy.orm import Session
from elsewhere import make
from app.db import Local, SessionDep, shared

class Repo:
    def __init__(self, session: Session):
        self.session = session

    def save(self, session: Session | None = None):
        (session or self.session).flush()

    def find(self, id):
        self.session.flush()

def by_request(session: SessionDep):
    Repo(session).find(1)

def by_hand():
    with Local() as session:
        Repo(session).find(2)
        helper(session)

def helper(session: Session):
    session.flush()

def from_outside(session: Session):
    session.flush()

def from_all():
    shared.flush()

def from_a_library():
    session: Session = make()
    session.flush()

def in_circles(session: Session, depth: int):
    session.flush()
    if depth:
        in_circles(session, depth - 1)
""",
}

EXPECTED = {
    "Repo.find": [
        ("injected", "injected into app.repo.by_request by app.db.get_session"),
        ("opened", "opened by sqlalchemy.orm.sessionmaker.__call__"),
    ],
    "by_hand": [],
    "helper": [("opened", "opened by sqlalchemy.orm.sessionmaker.__call__")],
    "from_outside": [("caller", "passed as session to app.repo.from_outside, which nothing here calls")],
    "from_all": [("shared", "the project's shared app.db.shared")],
    "from_a_library": [
        (
            "outside",
            "made in line 34 of app.repo.from_a_library by something unknown: no row for elsewhere.make",
        )
    ],
    "in_circles": [("caller", "passed as session to app.repo.in_circles, which nothing here calls")],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_of(tmp_path_factory.mktemp("origins"), SOURCES)


@pytest.mark.parametrize("name", EXPECTED)
def test_origins(project: Project, name: str) -> None:
    function = project.function_named(f"app.repo.{name}")
    assert function is not None
    found = [one for sym in sessions_used(project, function) for one in Origins(project).of(function, sym)]
    assert [(one.kind, one.text) for one in found] == EXPECTED[name]
