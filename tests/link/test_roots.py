"""Import roots: which file a dotted name reads, by the layout of the project."""

from __future__ import annotations

import pytest

from persist_lint.link.roots import Roots, ancestors, relative, shared


def test_a_package_below_src_has_src_as_its_root() -> None:
    roots = Roots(["src/shop/__init__.py", "src/shop/db.py", "src/shop/api/__init__.py"])
    assert roots.roots == ("", "src")
    assert roots.dotted("src/shop/db.py") == "shop.db"
    assert roots.dotted("src/shop/api/__init__.py") == "shop.api"


@pytest.mark.parametrize(
    ("path", "dotted"),
    [
        ("main.py", "main"),
        ("app/db.py", "app.db"),
        ("scripts/run.py", "scripts.run"),
        ("server/polar/order/service.py", "polar.order.service"),
        ("__init__.py", "__init__"),
    ],
)
def test_dotted_name_is_the_most_specific_one(path: str, dotted: str) -> None:
    paths = ["main.py", "app/db.py", "scripts/run.py", "server/polar/__init__.py", "server/polar/order/service.py"]
    assert Roots([*paths, "__init__.py"]).dotted(path) == dotted


def test_the_nearest_root_of_several_wins() -> None:
    roots = Roots(["server/app/__init__.py", "server/app/db.py", "clients/app/__init__.py", "clients/app/db.py"])
    assert roots.find("app.db", "server/app/main.py") == "server/app/db.py"
    assert roots.find("app.db", "clients/app/main.py") == "clients/app/db.py"


def test_scripts_find_their_neighbours_but_packages_do_not() -> None:
    roots = Roots(["scripts/helper.py", "app/__init__.py", "app/helper.py"])
    assert roots.find("helper", "scripts/run.py") == "scripts/helper.py"
    assert roots.find("helper", "app/main.py") is None


def test_a_package_is_preferred_to_a_module_of_its_name() -> None:
    roots = Roots(["app/db.py", "app/db/__init__.py", "app/__init__.py"])
    assert roots.find("app.db", "app/main.py") == "app/db/__init__.py"


def test_directories_without_init_are_namespace_packages() -> None:
    roots = Roots(["src/acme/billing/repo.py"])
    assert roots.is_namespace("acme.billing", "src/acme/web.py")
    assert not roots.is_namespace("acme.missing", "src/acme/web.py")
    assert roots.find("acme.billing", "src/acme/web.py") is None
    assert roots.find("acme.billing.repo", "src/acme/web.py") == "src/acme/billing/repo.py"


@pytest.mark.parametrize(
    ("path", "level", "name", "stem"),
    [
        ("app/a/b.py", 1, "", "app/a"),
        ("app/a/b.py", 1, "c.d", "app/a/c/d"),
        ("app/a/b.py", 2, "c", "app/c"),
        ("app/a/__init__.py", 1, "c", "app/a/c"),
        ("a.py", 5, "c", "c"),
    ],
)
def test_relative_imports(path: str, level: int, name: str, stem: str) -> None:
    assert relative(path, level, name) == stem


def test_ancestors_leave_out_the_project_root() -> None:
    assert ancestors("a/b/c.py") == ["a/b", "a"]
    assert ancestors("c.py") == []


def test_a_root_is_shared_only_with_what_lies_in_it() -> None:
    assert (shared("", "x"), shared("src", "src"), shared("src", "src/a"), shared("src", "srcs")) == (0, 3, 3, -1)


def test_roots_that_the_configuration_names() -> None:
    paths = ["code/shop/__init__.py", "code/shop/db.py", "code/plugins/mail.py", "run.py"]
    assert Roots(paths).find("plugins.mail", "run.py") == "code/plugins/mail.py"  # beside a package: code is a root
    apart = ["first/plugins/mail.py", "second/plugins/mail.py", "run.py"]
    assert Roots(apart).find("plugins.mail", "run.py") == "first/plugins/mail.py"
    assert Roots(apart, ["second"]).find("plugins.mail", "run.py") == "second/plugins/mail.py"
    assert Roots(["app/__init__.py", "app/x.py"], ["app"]).find("x", "app/__init__.py") is None  # a package is none


@pytest.mark.parametrize(
    ("dotted", "importer", "expected"),
    [
        ("acme.core.db", "libs/web/acme/web/main.py", "libs/core/acme/core/db.py"),
        ("acme.core", "libs/web/acme/web/main.py", None),
        ("acme.both.x", "libs/web/acme/web/main.py", "libs/web/acme/both/x.py"),
        ("acme.both.x", "libs/core/acme/core/db.py", "libs/core/acme/both/x.py"),
        ("email.utils", "libs/web/acme/web/main.py", None),
        ("inner.x", "libs/web/acme/web/main.py", None),
        ("db", "libs/web/acme/web/main.py", None),
    ],
)
def test_portions_of_a_namespace_package(dotted: str, importer: str, expected: str | None) -> None:
    paths = [
        "libs/core/acme/core/db.py", "libs/web/acme/web/main.py", "libs/web/acme/both/x.py",
        "libs/core/acme/both/x.py", "libs/core/email/utils.py", "other/pack/__init__.py", "other/pack/inner/x.py",
    ]  # fmt: skip
    assert Roots(paths).find(dotted, importer) == expected
