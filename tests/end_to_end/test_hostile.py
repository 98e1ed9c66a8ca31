"""Input that means harm: one clear diagnostic or line, the exit status of the contract, and the rest unharmed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from end_to_end.tool import answer, diagnostics, places, tool, write

from persist_lint.engine import discovery, files
from persist_lint.faces import cli

#: A file with a finding that every run over it must still report.
WITNESS = """\
import time

from sqlalchemy.ext.asyncio import AsyncSession


async def wait(session: AsyncSession) -> None:
    time.sleep(3)
"""
FOUND = [("sync-sleep-in-async", 7)]
UNREAD = "unreadable-file"
NULLS = (UNREAD, "the file contains null bytes: it is not Python source text")
TOO_LARGE = (UNREAD, "larger than 5,000,000 bytes; exclude it, or raise thresholds.max-file-bytes in the configuration")
WIDE_TEXT = (UNREAD, "the file is UTF-16, which Python does not read as source; save it as UTF-8")
TOO_DEEP = ("unreadable-file", "the code is too deeply nested to be analysed")
#: What an expression or a block stands in, so that link and rules look at it, too.
HEAD = "from sqlalchemy import select, text\nfrom sqlalchemy.orm import Session\n\n\n"
FUNCTION = HEAD + "def f(session: Session, a):\n    for b in a:\n        session.execute({})\n"
BLOCKS = HEAD + "def f(session: Session, a):\n    for b in a:\n        session.get(a, b)\n{}"


def _nested(line: str, last: str, levels: int = 95) -> str:
    """Blocks in blocks; CPython takes a hundred levels."""
    lines = [" " * level + line.format(level) for level in range(levels)]
    return "\n".join([*lines, " " * levels + last, ""])


#: Sources that are well-formed; deep ones may be too deep for one version of CPython's parser and not for the next.
DEEP = {
    "binary operators": FUNCTION.format(" + ".join(["a"] * 5000)),
    "attributes": FUNCTION.format("a" + ".b" * 5000),
    "calls": FUNCTION.format("a" + "()" * 5000),
    "methods": FUNCTION.format("a" + ".b()" * 5000),
    "queries": FUNCTION.format("session.query(a)" + ".filter(b)" * 5000 + ".all()"),
    "statements": FUNCTION.format("select(a)" + ".where(b)" * 5000),
    "subscripts": FUNCTION.format("a" + "[0]" * 5000),
    "negations": FUNCTION.format("not " * 5000 + "a"),
    "lambdas": FUNCTION.format("lambda: " * 1500 + "a"),
    "conditions": FUNCTION.format("a if b else " * 3000 + "a"),
    "branches": BLOCKS.format("    if a:\n        pass\n" + "    elif b:\n        session.get(a, b)\n" * 3000),
    "annotations": HEAD
    + f"def f(session: Session, a: {' | '.join(['Session'] * 5000)}):\n    return [session.get(a, b) for b in a]\n",
}
WIDE = {
    "f-string parts": FUNCTION.format("f'" + "{a}" * 5000 + "'"),
    "comparisons": FUNCTION.format(" < ".join(["a"] * 5000)),
    "and": FUNCTION.format(" and ".join(["a"] * 5000)),
    "arguments": FUNCTION.format("a(" + ", ".join(["session.get(a, b)"] * 2000) + ")"),
    "a long line": FUNCTION.format("'" + "SELECT 1 " * 100_000 + "'"),
    "statements in a row": BLOCKS.format("    session.get(a, a)\n" * 5000),
    "nested functions": HEAD + _nested("def f{}(session: Session, a):", "return [session.get(a, b) for b in a]"),
    "nested classes": HEAD + _nested("class C{}:", "session: Session = Session()"),
    "nested loops": HEAD
    + "def f(session: Session, a):\n"
    + "".join(" " * (n + 1) + f"for a{n} in a:\n" for n in range(18))
    + " " * 19
    + "session.get(a, a)\n",
    "many functions": HEAD
    + "".join(f"def f{n}(session: Session):\n    session.get(int, {n})\n    f{n - 1}(session)\n" for n in range(3000)),
    "many unions": HEAD
    + "from typing import Union\n\n"
    + "".join(f"class C{n}:\n    s: Session\n" for n in range(2000))
    + f"def f(a: Union[{', '.join(f'C{n}' for n in range(2000))}]):\n    return a.s.get(int, 1)\n",
    "deep inheritance": HEAD
    + "class C0:\n    s: Session\n"
    + "".join(f"class C{n}(C{n - 1}):\n    def m(self): return super().m(), self.s.commit()\n" for n in range(1, 60)),
    "long chains of names": HEAD + "x0 = Session()\n" + "".join(f"x{n} = x{n - 1}\n" for n in range(1, 5000)),
    "names before their values": HEAD
    + "".join(f"x{n} = x{n - 1}\n" for n in range(3000, 0, -1))
    + "x0 = Session()\ndef f():\n    x3000.commit()\n",
    "aliases before their types": HEAD
    + "".join(f"X{n} = X{n - 1}\n" for n in range(2000, 0, -1))
    + "X0 = Session\ndef f(x: X2000):\n    x.commit()\n",
    "recursive types": HEAD
    + "from __future__ import annotations\nJ = dict[str, 'J'] | list[J] | J | str\nK = list[K]\nL: L = L\n"
    + "class N:\n    n: N\n    s: Session\n    def __init__(self, n: N): self.n = N(n)\n"
    + "    def m(self, j: J, k: K, l: L): return self.n.n.m(j.x, k.y, l[0]), self.n.s.commit()\n",
    "circular inheritance": HEAD
    + "class A(B):\n    s: Session\n    def x(self): return self.y(), super().x(), self.s.commit()\n"
    + "class B(A):\n    def y(self): return super().x(), self.x(), self.s.get(A, 1)\nclass C(C): pass\n",
    "decorators of themselves": HEAD
    + "def d(f):\n    return d(f)\n@d\n@e\ndef e(f):\n    return e(e)(f)\n@d\n@e\n@g\n"
    + "def g(s: Session): return g(s), s.commit()\n",
    "recursive functions": HEAD
    + "def a(s: Session, n=None):\n    for x in n: b(s, a)\n    return lambda: a(b(s))\n"
    + "def b(s: Session, n=None):\n    s.get(int, 1)\n    return a(s, b(s)), a(b, a)\n",
    "a generator of itself": HEAD
    + "def g(s: Session):\n    yield from g(s)\n    for x in g(s):\n        yield s.get(int, x), g(x)\n    return g\n",
    "a context manager of itself": HEAD
    + "from contextlib import contextmanager\n@contextmanager\ndef c(s: Session):\n    with c(s) as x:\n"
    + "        yield x\n        s.commit()\n",
    "properties of themselves": HEAD
    + "class P:\n    s: Session\n    @property\n    def p(self): return self.p.p.s.get(P, self.p)\n",
    "lone surrogates": FUNCTION.format("text('\\ud800 SELECT 1'), '\\udcff', b'\\xff'")
    + "    raise ValueError(f'\\udfff{a}')\n",
    "numbers beyond all bounds": FUNCTION.format("text(str(0x" + "f" * 5000 + ")), 1e999, 1e999j, -0.0"),
    "strange names": HEAD + "def ｆ(ﬁ: Session, µ, 变量):\n    for ª in µ:\n        ﬁ.get(变量, ª)\n",
    "form feeds and bare returns": "\f\r" + FUNCTION.format("a").replace("\n", "\r"),
}
UNREADABLE: dict[str, tuple[bytes, int, str, str | None]] = {
    "a program": (b"\x7fELF" + bytes(range(256)) * 40, 1, *NULLS),
    "a null byte": (b"x = 1\n\0\n", 2, *NULLS),
    "a line of 10 MB": (b"x = '" + b"a" * 10_000_000 + b"'\n", 0, *TOO_LARGE),
    "brackets": (b"x = " + b"[" * 5000 + b"]" * 5000, 1, "syntax-error", "too many nested parentheses"),
    "open brackets": (b"x = " + b"(" * 5000, 1, "syntax-error", "too many nested parentheses"),
    "levels": (_nested("def f{}():", "pass", 200).encode(), 101, "syntax-error", "too many levels of indentation"),
    "invalid UTF-8": (b"x = 1\ny = '\xff'\n", 2, UNREAD, "not decodable as utf-8: invalid start byte"),
    "a surrogate": (b"x = '\xed\xa0\x80'\n", 1, UNREAD, "not decodable as utf-8: invalid continuation byte"),
    "an encoding unknown": (b"# coding: klingon\n", 1, UNREAD, "the encoding is not known: unknown encoding: klingon"),
    "an encoding that is no text": (b"# coding: hex\n", 1, UNREAD, None),
    "UTF-16": ("x = 1\n".encode("utf-16"), 1, *WIDE_TEXT),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process from a folder: exit status, standard output, standard error."""

    def run_in(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        status = cli.run(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run_in


CHECK = ("check", "--no-cache", "--format", "json")


def _checked(run: Callable[..., tuple[int, str, str]], root: Path) -> list[tuple[str, int, str, str]]:
    """The diagnostics of a run that nothing else has harmed."""
    status, out, err = run(root, *CHECK)
    found = answer(out)
    assert (status, err, places(found, "witness.py")) == (1, "", FOUND)
    return diagnostics(found)


@pytest.mark.parametrize("name", WIDE)
def test_strange_source_is_read_like_any_other(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], name: str
) -> None:
    write(tmp_path, {"hostile.py": WIDE[name].encode("utf-8"), "witness.py": WITNESS})
    assert _checked(run, tmp_path) == []


@pytest.mark.parametrize("name", DEEP)
def test_deep_source_is_cut_short_or_refused(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], name: str
) -> None:
    write(tmp_path, {"hostile.py": DEEP[name], "witness.py": WITNESS})
    first = _checked(run, tmp_path)
    assert first in ([], [("hostile.py", 1, *TOO_DEEP)])
    # A run leaves nothing behind that lets the next one in the same process answer otherwise.
    assert _checked(run, tmp_path) == first


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_a_diagnostic(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], name: str
) -> None:
    content, line, kind, message = UNREADABLE[name]
    write(tmp_path, {"hostile.py": content, "witness.py": WITNESS})
    ((path, at, what, said),) = _checked(run, tmp_path)
    assert (path, at, what, said if message is None else message) == ("hostile.py", line, kind, said)


def test_all_of_it_at_once_through_the_real_command_line(tmp_path: Path) -> None:
    sources: dict[str, str | bytes] = {"witness.py": WITNESS}
    for number, text in enumerate([*WIDE.values(), *DEEP.values(), *(row[0] for row in UNREADABLE.values())]):
        sources[f"hostile_{number}.py"] = text
    write(tmp_path, sources)
    one, two = (tool(*CHECK, "--jobs", jobs, cwd=tmp_path) for jobs in ("1", "2"))
    assert (one.returncode, one.stderr) == (1, "")
    found = answer(one.stdout)
    unreadable = len(WIDE) + len(DEEP)
    expected = {f"hostile_{number}.py" for number in range(unreadable, unreadable + len(UNREADABLE))}
    deep = {f"hostile_{number}.py" for number in range(len(WIDE), unreadable)}
    assert places(found, "witness.py") == FOUND
    assert expected <= {path for path, *_ in diagnostics(found)} <= expected | deep
    assert (two.returncode, two.stdout, two.stderr) == (one.returncode, one.stdout, one.stderr)


def test_modules_that_import_each_other(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    sources: dict[str, str | bytes] = {f"m{n}.py": f"from m{n + 1} import x, Session\nx = x\n" for n in range(500)}
    sources |= {
        "a.py": "from b import *\nfrom b import x\nfrom .a import a\n\ndef f(s: x):\n    s.commit()\n    a.f(s)\n",
        "b.py": "from a import *\nfrom c import x\nimport a.b.c, b\n\ndef f(s: x):\n    import a\n    a.f(s), b.f(s)\n",
        "c.py": "from a import x\nfrom ........ import x\nfrom sqlalchemy.orm import Session\nx = x\n",
        "m500.py": "from m0 import x\nfrom sqlalchemy.orm import Session\n\ndef f(s: x, t: Session):\n    t.commit()\n",
        "witness.py": WITNESS,
    }
    write(tmp_path, sources)
    assert _checked(run, tmp_path) == []


# ---------------------------------------------------------------------- what is no file, or changes


PIPES = (
    "pipe.py",
    ".gitignore",
    "requirements.txt",
    "setup.cfg",
    "uv.lock",
    "Pipfile",
    "docker-compose.yml",
    "alembic.ini",
    "package.json",
    ".env.example",
    "docs/project/tech_stack.md",
    "docs/adr/ADR-001-x.md",
    "docs/architecture.md",
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX thing")
def test_pipes_are_never_opened(tmp_path: Path) -> None:
    write(tmp_path, {"witness.py": WITNESS, "docs/project/x": "", "docs/adr/x": ""})
    for name in PIPES:
        os.mkfifo(tmp_path / name)
    done = tool(*CHECK, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    found = answer(done.stdout)
    assert places(found, "witness.py") == FOUND
    assert diagnostics(found) == [("pipe.py", 0, "unreadable-file", "not a regular file but a named pipe")]
    assert tool("audit", "--no-cache", cwd=tmp_path).returncode == 0


def test_links_to_nothing_to_themselves_and_to_their_parents(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    write(tmp_path, {"witness.py": WITNESS, "package/__init__.py": ""})
    (tmp_path / "dangling.py").symlink_to("nothing.py")
    (tmp_path / "itself.py").symlink_to("itself.py")
    (tmp_path / "there.py").symlink_to("back.py")
    (tmp_path / "back.py").symlink_to("there.py")
    (tmp_path / "package" / "parent").symlink_to("..", target_is_directory=True)
    (tmp_path / "folder.py").symlink_to("package", target_is_directory=True)
    found = _checked(run, tmp_path)
    assert [(path, kind) for path, _, kind, _ in found] == [
        (name, "unreadable-file") for name in ("back.py", "dangling.py", "itself.py", "there.py")
    ]
    assert found[1][3] == "a symbolic link to a file that does not exist"
    assert found[2][3] == found[0][3] == found[3][3] == "too many levels of symbolic links"


def test_a_folder_that_cannot_be_listed(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"witness.py": WITNESS, "locked/inside.py": WITNESS})
    scandir = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(discovery.os, "scandir", refused)
    assert _checked(run, tmp_path) == [
        ("locked", 0, "unreadable-file", "the directory cannot be listed: permission denied")
    ]
    status, out, err = run(tmp_path, "check", "locked")
    assert (status, out) == (2, "")
    assert err == f"persist-lint: {tmp_path / 'locked'}: cannot be listed: permission denied\n"


def test_a_file_replaced_while_it_is_read(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"witness.py": WITNESS, "restless.py": "x = 1\n"})
    restless = tmp_path / "restless.py"
    size = len("x = 1\n")
    numbers = itertools.count()
    read_all = files._read_all

    def disturbed(descriptor: int, announced: int) -> bytes:
        content = read_all(descriptor, announced)
        if content.startswith(b"x = "):
            restless.write_text(f"x = {next(numbers)}\n" + "#" * (restless.stat().st_size - size + 1))
        return content

    monkeypatch.setattr(files, "_read_all", disturbed)
    assert _checked(run, tmp_path) == [("restless.py", 0, "unreadable-file", "it changes while it is read")]


# ---------------------------------------------------------------------- what the user gets wrong


def _answers() -> Iterator[tuple[str, tuple[str, ...], dict[str, str], str]]:
    """What is wrong, the arguments, the project's files, and the line (its beginning, where click words the rest)."""
    broken = {"pyproject.toml": "[tool.persist-lint]\nselect = [\n"}
    unknown = {"pyproject.toml": '[tool.persist-lint]\nselekt = ["PSL1"]\n'}
    toml = "{root}/pyproject.toml: is not valid TOML: "
    for command in ("check", "audit", "context"):
        yield "broken configuration", (command,), broken, toml
        yield "unknown key", (command,), unknown, '{root}/pyproject.toml: unknown key "selekt"; did you mean "select"?'
        yield "unknown option", (command, "--nope"), {}, "No such option"
        yield "no such path", (command, "nowhere"), {}, "nowhere: no such file or directory"
        yield (
            "no such configuration",
            (command, "--config", "no.toml"),
            {},
            "no.toml: cannot be read: No such file or directory",
        )
    yield "unknown command", ("nope",), {}, "No such command 'nope'."
    yield "unknown format", ("check", "--format", "nope"), {}, "Invalid value for '--format': 'nope' is not one of"
    yield "unknown rule", ("check", "--select", "NOPE"), {}, 'select: "NOPE" names no rule, code or family'
    yield "no number", ("check", "--jobs", "many"), {}, "Invalid value for '--jobs'"
    yield "unknown page", ("explain", "nope"), {}, ""


@pytest.mark.parametrize(
    ("arguments", "sources", "line"), [pytest.param(*row[1:], id=f"{row[0]} {row[1][0]}") for row in _answers()]
)
def test_trouble_is_one_line_and_status_2(
    tmp_path: Path,
    run: Callable[..., tuple[int, str, str]],
    arguments: tuple[str, ...],
    sources: dict[str, str],
    line: str,
) -> None:
    write(tmp_path, {"witness.py": WITNESS, **sources})
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(tmp_path, *arguments)
    assert (status, out, err.count("\n"), "Traceback" in err) == (2, "", 1, False)
    assert err.startswith("persist-lint: " + line.format(root=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_through_the_real_command_line(tmp_path: Path) -> None:
    write(tmp_path, {"witness.py": WITNESS})
    done = tool("check", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "persist-lint: nowhere: no such file or directory\n"


def test_a_path_that_leads_to_itself(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    status, out, err = run(tmp_path, "check", "loop")
    # Python 3.13 resolves such a link to itself, and the system then says what it is.
    said = ("a symbolic link that leads to itself", "too many levels of symbolic links")
    assert (status, out) == (2, "")
    assert err in [f"persist-lint: loop: {text}\n" for text in said]


# ---------------------------------------------------------------------- nothing to look at


def test_an_empty_project(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    write(tmp_path, {})
    assert run(tmp_path, "check") == (0, "", "0 findings in 0 files.\n")
    status, out, err = run(tmp_path, "audit")
    assert (status, out.count("Score: – | Issues: 0 (C:0 H:0 M:0 L:0)\n"), err) == (0, 4, "")


def test_a_project_of_broken_files_only(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    write(tmp_path, {"a.py": "x = (\n", "b.py": b"\0", "c.py": b"\xff"})
    assert run(tmp_path, "check", "--no-cache") == (
        1,
        "a.py:1:1: PSL003 syntax-error '(' was never closed\n"
        "b.py:1:1: PSL002 unreadable-file the file contains null bytes: it is not Python source text\n"
        "c.py:1:1: PSL002 unreadable-file not decodable as utf-8: invalid start byte\n",
        "0 findings, 3 diagnostics in 3 files.\n",
    )
    status, out, err = run(tmp_path, "audit", "--no-cache")
    assert (status, out.count("Score: – | Issues: 0 (C:0 H:0 M:0 L:0)\n"), err) == (0, 4, "")
