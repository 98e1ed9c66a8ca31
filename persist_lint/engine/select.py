"""Which rules speak, and of what.

A selector is a code (``PSL102``), a prefix of one (``PSL1``), a name (``n-update-loop``), a family (``query``) or
``all``. Where a rule is both selected and ignored, the more specific selector wins; of equals, the one that ignores.
The diagnostics (PSL001 to PSL004) run unless they are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from persist_lint.engine.config import Config
from persist_lint.engine.errors import ConfigError, hint
from persist_lint.engine.patterns import Patterns
from persist_lint.model.finding import Diagnostic, Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Severity

#: Diagnostics: kind by code.
DIAGNOSTICS: dict[str, str] = {
    "PSL001": "unused-suppression",
    "PSL002": "unreadable-file",
    "PSL003": "syntax-error",
    "PSL004": "suppression-without-reason",
}
_CODE = re.compile(r"PSL\d{0,3}", re.IGNORECASE)
_CODE_LIKE = re.compile(r"[A-Z]+\d+", re.IGNORECASE)


class Identity(Struct, frozen=True):
    """What a selector can meet: a rule or a diagnostic (which has no family)."""

    code: str
    name: str
    family: str


def identities(rules: Iterable[Rule]) -> tuple[Identity, ...]:
    """Everything that can be selected or ignored: the rules given and the diagnostics, by code."""
    own = [Identity(code, kind, "") for code, kind in DIAGNOSTICS.items()]
    return (*own, *(Identity(rule.code, rule.name, rule.family.value) for rule in rules))


def specificity(selector: str, identity: Identity) -> int:
    """How exactly the selector names it: 0 not at all, 1 ``all``, up to 6 for a whole code or a name."""
    if selector == identity.name or selector.upper() == identity.code:
        return 6
    if selector == identity.family and identity.family:
        return 3
    if selector.lower() == "all":
        return 1
    if _CODE.fullmatch(selector) and identity.code.startswith(selector.upper()):
        return len(selector) - 1
    return 0


def matching(selector: str, known: Iterable[Identity]) -> tuple[Identity, ...]:
    """The rules and diagnostics that a selector names."""
    return tuple(identity for identity in known if specificity(selector, identity))


def suggestion(selector: str, known: Iterable[Identity]) -> str:
    """The hint for a selector that names nothing: a name or family like it. Any code is as near as another."""
    if _CODE_LIKE.fullmatch(selector):
        return ""
    return hint(selector, [family.value for family in Family] + [one.name for one in known])


class Selection(Struct, frozen=True):
    """The names of the rules and kinds of diagnostics that run, and what per-file-ignores take away."""

    names: frozenset[str]
    per_file: tuple[tuple[Patterns, tuple[str, ...]], ...]
    known: tuple[Identity, ...]
    severity: dict[str, Severity]

    def runs_in(self, name: str, path: str) -> bool:
        """Is the rule or diagnostic of this name looked for in the file (a project-relative path)?"""
        if name not in self.names:
            return False
        identity = next((one for one in self.known if one.name == name), None)
        return identity is None or not any(
            patterns.match(path) and any(specificity(selector, identity) for selector in selectors)
            for patterns, selectors in self.per_file
        )

    def findings(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings of selected rules, with the severities that the configuration gives them."""
        kept = []
        for finding in findings:
            if self.runs_in(finding.rule, finding.path):
                severity = self.severity.get(finding.rule, finding.severity)
                kept.append(finding if severity is finding.severity else structs.replace(finding, severity=severity))
        return kept

    def diagnostics(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The diagnostics whose kind is not ignored."""
        return [one for one in diagnostics if self.runs_in(one.kind, one.path)]


def selection(config: Config, rules: Sequence[Rule]) -> Selection:
    """What runs under this configuration; raises ConfigError for a selector that names nothing."""
    known = identities(rules)
    for key, selectors in _all_selectors(config):
        for selector in selectors:
            _require_known(selector, key, known, config)
    wanted = (*config.select, *config.extend_select) if config.select else ("all", *config.extend_select)
    return Selection(
        names=frozenset(one.name for one in known if _runs(one, wanted, config.ignore)),
        per_file=tuple((Patterns.of((pattern,)), codes) for pattern, codes in config.per_file_ignores.items()),
        known=known,
        severity=_severities(config, known),
    )


def _all_selectors(config: Config) -> list[tuple[str, Iterable[str]]]:
    return [
        ("select", config.select),
        ("extend-select", config.extend_select),
        ("ignore", config.ignore),
        *((f'per-file-ignores."{pattern}"', selectors) for pattern, selectors in config.per_file_ignores.items()),
        ("severity", config.severity),
    ]


def _require_known(selector: str, key: str, known: Sequence[Identity], config: Config) -> None:
    if selector.lower() == "all" or matching(selector, known):
        return
    where = f"{config.source}: " if config.source else ""
    raise ConfigError(f'{where}{key}: "{selector}" names no rule, code or family{suggestion(selector, known)}')


def _runs(identity: Identity, wanted: Iterable[str], ignored: Iterable[str]) -> bool:
    against = max((specificity(selector, identity) for selector in ignored), default=0)
    if not identity.family:
        return against == 0
    return max((specificity(selector, identity) for selector in wanted), default=0) > against


def _severities(config: Config, known: Sequence[Identity]) -> dict[str, Severity]:
    table: dict[str, tuple[int, Severity]] = {}
    for selector, severity in config.severity.items():
        for identity in matching(selector, known):
            weight = specificity(selector, identity)
            if weight >= table.get(identity.name, (0, severity))[0]:
                table[identity.name] = (weight, severity)
    return {name: severity for name, (_, severity) in table.items()}


def at_least(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """The findings of this severity or worse; faces ask again after context validation has lowered some."""
    return [finding for finding in findings if finding.severity >= severity]
