"""The reader is strict: every message names file, key and way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from persist_lint.model.vocabulary import Row, Runs
from persist_lint.vocabulary import VocabularyError, load, reader

HEAD = '[library]\nimports = ["acme"]\n'


def write(folder: Path, text: str | bytes, name: str = "acme.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """What the reader says about a user's file with this text, without the path in front."""
    path = write(folder, text)
    with pytest.raises(VocabularyError) as caught:
        load([], [path])
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


WRONG = [
    (HEAD + '[function]\n"acme.f" = { dos = ["net"] }', 'function."acme.f".dos is an unknown key; did you mean does?'),
    (
        HEAD + '[function]\n"acme.f" = { does = ["nett"] }',
        "function.\"acme.f\".does[0] has the unknown word 'nett'; did you mean net?",
    ),
    (
        HEAD + '[function]\n"acme.f" = { does = "net" }',
        'function."acme.f".does is a string; make it an array',
    ),
    (
        HEAD + '[function]\n"acme.f" = { awaits = 1 }',
        'function."acme.f".awaits is a number; make it true or false',
    ),
    (
        HEAD + '[function]\n"acme.f" = { limit = true }',
        'function."acme.f".limit is true or false; make it a number',
    ),
    (
        HEAD + '[function]\n"acme.f" = { exit = "abandon" }',
        "function.\"acme.f\".exit has the unknown word 'abandon'; use one of close, commit, none, rollback",
    ),
    (
        HEAD + '[function]\n"acme.f" = { gives = "entitys" }',
        "function.\"acme.f\".gives has the unknown word 'entitys'; did you mean entity?",
    ),
    (
        HEAD + '[function]\n"acme.f" = { of = "arg10" }',
        "function.\"acme.f\".of is not an argument word: 'arg10'; "
        'write self, args, arg0 … arg9, kw:name, or alternatives as in "arg0|kw:name"',
    ),
    (
        HEAD + '[function]\n"acme.f" = { runs = [{ arg = "first", where = "here" }] }',
        "function.\"acme.f\".runs[0].arg is not an argument word: 'first'; "
        'write self, args, arg0 … arg9, kw:name, or alternatives as in "arg0|kw:name"',
    ),
    (
        HEAD + '[function]\n"acme.f" = { runs = [{ arg = "arg0" }] }',
        'function."acme.f".runs[0].where is missing; add where to [function."acme.f".runs[0]]',
    ),
    (
        HEAD + '[function]\n"acme.f" = { also = ["g"] }',
        "function.\"acme.f\".also has the wrong form: 'g'; write a full dotted name",
    ),
    (
        HEAD + '[type."acme.T"]\nis = "value"\nmethod.m = { also = ["acme.T.n"] }',
        "type.\"acme.T\".method.m.also has the wrong form: 'acme.T.n'; write the name of a method",
    ),
    (
        HEAD + '[type."acme.T"]\nis = "value"\nmethod.m = { also = ["n"] }\nmethod.n = {}',
        "type.\"acme.T\".method describes 'n' twice; keep one of the two",
    ),
    (HEAD + '[type."acme.T"]\nalso = []', 'type."acme.T".is is missing; add is to [type."acme.T"]'),
    (
        HEAD + '[type."acme.T"]\nis = "sesion"',
        "type.\"acme.T\".is has the unknown word 'sesion'; did you mean session?",
    ),
    (
        HEAD + '[type."acme.Client"]\nis = "value"\n[function]\n"acme.f" = { gives = "acme.Clint" }',
        "function.\"acme.f\".gives names 'acme.Clint', which no file describes; did you mean acme.Client?",
    ),
    (
        HEAD + '[type."acme.T"]\nis = "value"\nbases = ["other.Base"]',
        "type.\"acme.T\".bases names 'other.Base', which no file describes; "
        'describe it as [type."other.Base"] or name the file that does in [library] needs',
    ),
    (HEAD + "[functions]\n", "functions is an unknown key; did you mean function?"),
    ('[library]\nimport = ["acme"]', "library.import is an unknown key; did you mean imports?"),
    ('[library]\nkind = "orm"', "library.imports is missing; add imports to [library]"),
    (
        '[library]\nimports = ["acme"]\nneeds = ["sqlalchmy"]',
        "library.needs names the file 'sqlalchmy', which does not exist; did you mean sqlalchemy?",
    ),
    ('[type."acme.T"]\nis = "value"', "library is missing; begin the file with [library] and imports = [...]"),
    ("", "library is missing; begin the file with [library] and imports = [...]"),
    (
        HEAD + "[function\n",
        "is not valid TOML: Expected ']' at the end of a table declaration (at line 3, column 10); correct it there",
    ),
    (b"[library]\nimports = ['\xff']", "is not UTF-8 at byte 22; save it as UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_files_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == message


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(VocabularyError) as caught:
        load([], [path])
    expected = f"{path}: cannot be read (No such file or directory); correct `vocabulary` in [tool.persist-lint]"
    assert str(caught.value) == expected


def test_two_own_files_with_the_same_name(tmp_path: Path) -> None:
    first = write(tmp_path, HEAD + '[function]\n"acme.f" = {}', "first.toml")
    second = write(tmp_path, HEAD + '[function]\n"acme.f" = {}', "second.toml")
    with pytest.raises(VocabularyError) as caught:
        load([], [first, second])
    assert str(caught.value) == (f'{second}: function."acme.f" is already described in first.toml; keep one of the two')


def test_own_rows_replace_shipped_ones(tmp_path: Path) -> None:
    path = write(tmp_path, '[library]\nimports = ["time"]\n[function]\n"time.sleep" = { does = ["wait"] }')
    assert load(["time"]).functions["time.sleep"].does == ("sleep",)
    assert load(["time"], [path]).functions["time.sleep"].does == ("wait",)


def test_own_file_builds_on_shipped_ones(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[library]\nimports = ["acme"]\nneeds = ["sqlalchemy"]\n[function]\n'
        '"acme.session" = { gives = "sqlalchemy.ext.asyncio.AsyncSession", awaits = true, also = ["acme.db.session"] }',
    )
    merged = load([], [path])
    assert merged.functions["acme.session"].gives == "sqlalchemy.ext.asyncio.AsyncSession"
    assert merged.alias["acme.db.session"] == "acme.session"
    assert "sqlalchemy.orm.Session" in merged.types


def test_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + (HEAD + '[function]\n"acme.f" = {}\n').replace("\n", "\r\n").encode())
    assert load([], [path]).functions["acme.f"] == Row()


def files(*imported: str) -> list[str]:
    return [library.imports[0] for library in load(imported).libraries]


def test_only_what_is_imported_is_read() -> None:
    assert files() == ["builtins"]
    assert files("myproject.sqlalchemy", "sqlalchemyx") == ["builtins"]
    assert files("sqlalchemy.ext.asyncio") == ["builtins", "sqlalchemy", "sqlalchemy"]
    assert files("fastapi.routing") == ["fastapi", "builtins", "starlette"]
    assert files("sqlmodel") == ["builtins", "sqlalchemy", "sqlalchemy", "sqlmodel"]


def test_rows() -> None:
    merged = load(["sqlalchemy", "asyncio"])
    session = merged.types["sqlalchemy.ext.asyncio.AsyncSession"]
    assert session.method["get"] == Row(
        does=("db.select",), gives="entity", of="arg0|kw:entity", key="arg1|kw:ident", limit=1
    )
    assert session.method["aclose"] == session.method["close"] == Row(does=("session.close",))
    assert merged.functions["asyncio.to_thread"] == Row(
        awaits=True, runs=(Runs(arg="arg0", where="thread"),), gives="result_of", of="arg0"
    )
    assert merged.alias["sqlalchemy.ext.asyncio.session.AsyncSession"] == "sqlalchemy.ext.asyncio.AsyncSession"
    assert merged.alias["sqlalchemy.future.select"] == "sqlalchemy.select"
    assert merged.values["sqlalchemy.func"] == "sqlalchemy.sql.functions._FunctionGenerator"


def test_digest_follows_the_content_only(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD)
    assert load(["redis", "time"]).digest == load(["time", "redis.asyncio", "redis"]).digest
    assert load(["redis"]).digest != load(["time"]).digest
    before = load(["time"], [path]).digest
    write(tmp_path, HEAD + "# a comment\n")
    assert load(["time"], [path]).digest != before


class Kept(dict[bytes, bytes]):
    """A cache in memory."""

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value


def test_what_was_merged_is_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, HEAD)
    kept = Kept()
    cold = load(["sqlalchemy", "time"], [path], kept)
    monkeypatch.setattr(reader, "parse", lambda path, content: pytest.fail(f"parses {path.name}"))
    assert load(["time", "sqlalchemy"], [path], kept) == cold
    assert len(kept) == 1


def test_other_files_and_damage_are_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD)
    kept = Kept()
    cold = load(["time"], [path], kept)
    write(tmp_path, HEAD + "# a comment\n")
    assert load(["time"], [path], kept).digest != cold.digest
    kept.update(dict.fromkeys(kept, b"\xc1"))
    assert load(["time"], [path], kept).types == cold.types
