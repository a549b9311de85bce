"""The rules of disclosure, as data (`rules.toml`): read, checked, and put together for the one who decides."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.errors import Refused
from mappings.model.disclosure import (
    AgeBand,
    Authority,
    Competence,
    ConsentToRelease,
    Mode,
    Opinion,
    Reason,
    Redact,
    Release,
    Requester,
    RequesterRow,
    Review,
    Reviewer,
    TimeLimit,
    Verdict,
    Withhold,
)
from mappings.model.labels import Label

CONDITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "consent": tuple(ConsentToRelease),
    "authority": tuple(Authority),
    "age": tuple(AgeBand),
    "competence": tuple(Competence),
    "agrees": ("yes", "no", "not-asked"),
    "concern": ("yes", "no"),
    "opinion": tuple(Opinion),
}
"""What a rule may depend on beside who asks and what about, with every value there is."""

HANDLING: Final = frozenset({"usual", "handling"})
"""Classes of labels that stop nothing."""

Circumstances = Mapping[str, str]
"""A value for each of `CONDITIONS`."""


class UnusableRules(Refused):
    """These rules cannot be used. The message names the rule and says what is wrong."""

    code = "unusable-rules"


class UnknownPurpose(Refused):
    """Nobody asks under this name or code."""

    code = "unknown-purpose"


class SilenceNotAllowed(Refused):
    """This recipient has to be told that something is not included."""

    code = "silence-not-allowed"


@dataclass(frozen=True)
class Rule:
    """`when`: each named condition has one of these values. `by` only for a review."""

    requesters: frozenset[Requester]
    about: frozenset[Fact]
    when: Mapping[str, frozenset[str]]
    verdict: str
    by: Reviewer
    reason: Reason

    def fits(self, circumstances: Circumstances) -> bool:
        return all(circumstances[name] in values for name, values in self.when.items())

    def says(self) -> Verdict:
        if self.verdict == "release":
            return Release(self.reason)
        if self.verdict == "redact":
            return Redact(self.reason)
        if self.verdict == "withhold":
            return Withhold(self.reason)
        return Review(self.reason, self.by)


class Moved(StrEnum):
    """How a person's decision about an item stands to what policy proposed."""

    AS_PROPOSED = "as-proposed"
    LET_OUT = "let-out"
    """Policy keeps it back, and a person lets it out."""
    KEPT_BACK = "kept-back"
    """Policy lets it out, and a person keeps it back."""


@dataclass(frozen=True)
class SecondPerson:
    """When a second person has to sign, too: an item goes out (or is kept back) that is all of `about`, moved so."""

    requesters: frozenset[Requester]
    about: frozenset[Fact]
    moved: frozenset[Moved]
    when: Mapping[str, frozenset[str]]
    reason: Reason

    def fits(
        self, requester: Requester, facts: frozenset[Fact], moved: Moved, circumstances: Circumstances, *, out: bool
    ) -> bool:
        """`out`: whether the item goes out."""
        return (
            requester in self.requesters
            and self.about <= facts
            and moved in self.moved
            and (out or moved is Moved.KEPT_BACK)
            and all(circumstances[name] in values for name, values in self.when.items())
        )


NO_RULE: Final = Review(
    Reason("no-rule", "No rule speaks of this, so a person has to look.", "G-R258"),
    Reviewer.OFFICER,
)


@dataclass(frozen=True)
class Rules:
    """Everything one version of the policy says. `classes`: what each known label means for deciding."""

    version: str
    rows: Mapping[Requester, RequesterRow]
    classes: Mapping[Label, str]
    private_codes: frozenset[str]
    private_words: frozenset[str]
    as_if: frozenset[Label]
    rules: tuple[Rule, ...]
    by_case: Mapping[tuple[Requester, Fact], tuple[Rule, ...]]
    seconds: tuple[SecondPerson, ...] = ()

    def row(self, purpose: str) -> RequesterRow:
        """The row of a name (`insurer`) or code (`COVERAGE`). Raises `UnknownPurpose`."""
        for row in self.rows.values():
            if purpose == row.requester or purpose in row.codes:
                return row
        names = ", ".join(each for row in self.rows.values() for each in (row.requester, *row.codes))
        raise UnknownPurpose(f"Nobody asks under that purpose. Known: {names}.")

    def mode_for(self, requester: Requester, mode: Mode) -> Mode:
        """The mode, if this recipient may have it. Raises `SilenceNotAllowed`."""
        if mode is Mode.SILENT and not self.rows[requester].silent:
            raise SilenceNotAllowed(f"{self.rows[requester].title} has to be told that something is not included.")
        return mode

    def verdict(self, requester: Requester, fact: Fact, circumstances: Circumstances) -> Verdict:
        """What the first fitting rule says about one fact; a review where none speaks of it."""
        for rule in self.by_case.get((requester, fact), ()):
            if rule.fits(circumstances):
                return rule.says()
        return NO_RULE


@cache
def shipped_rules() -> Rules:
    """The rules that come with the app."""
    text = resources.files("fhir_plugin.disclose.decide").joinpath("rules.toml").read_text(encoding="utf-8")
    return read_rules(text)


def read_rules(text: str) -> Rules:
    """Rules from TOML. Raises `UnusableRules` for anything unknown, missing or twice."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnusableRules(f"The rules are no TOML: {error}") from error
    try:
        groups = {name: frozenset(map(Requester, members)) for name, members in said["groups"].items()}
        rules = tuple(_rule(each, groups) for each in said["rule"])
        private = said["private-sites"]
        result = Rules(
            version=_text(said["version"]),
            rows={Requester(name): _row(Requester(name), each) for name, each in said["requesters"].items()},
            classes=_classes(said["labels"]),
            private_codes=frozenset(map(_text, private["codes"])),
            private_words=frozenset(map(_text, private["words"])),
            as_if=frozenset(Label(*_text(each).split("|", 1)) for each in private["as_if"]),
            rules=rules,
            by_case=_by_case(rules),
            seconds=tuple(_second(each, groups) for each in said.get("second-person", ())),
        )
    except KeyError as error:
        raise UnusableRules(f"The rules miss {error}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UnusableRules(f"The rules cannot be read: {error}") from error
    if result.rows.keys() != set(Requester):
        raise UnusableRules(f"The rules miss a requester: {', '.join(sorted(set(Requester) - result.rows.keys()))}.")
    names = [rule.reason.rule for rule in rules] + [second.reason.rule for second in result.seconds]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UnusableRules(f"There are two rules named {', '.join(sorted(twice))}.")
    return result


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"words are missing where {value!r} stands")
    return value


def _only(said: Mapping[str, Any], known: set[str], where: str) -> None:
    if said.keys() - known:
        raise ValueError(f"{where}: unknown {', '.join(sorted(said.keys() - known))}")


def _rule(said: Mapping[str, Any], groups: Mapping[str, frozenset[Requester]]) -> Rule:
    name = _text(said["id"])
    _only(said, {"id", "for", "about", "when", "verdict", "by", "text", "source"}, f"rule {name}")
    requesters = _requesters(said["for"], groups)
    when = _when(said, name)
    if said["verdict"] not in {"release", "review", "redact", "withhold"}:
        raise ValueError(f"rule {name}: no such verdict {said['verdict']}")
    if "by" in said and said["verdict"] != "review":
        raise ValueError(f"rule {name}: only a review is by somebody")
    about = frozenset(map(Fact, said["about"]))
    if not about or not requesters:
        raise ValueError(f"rule {name}: speaks of nothing, or of nobody")
    reason = Reason(name, _text(said["text"]), _text(said["source"]))
    return Rule(requesters, about, when, said["verdict"], Reviewer(said.get("by", Reviewer.OFFICER)), reason)


def _second(said: Mapping[str, Any], groups: Mapping[str, frozenset[Requester]]) -> SecondPerson:
    name = _text(said["id"])
    _only(said, {"id", "for", "about", "moved", "when", "text", "source"}, f"second person {name}")
    requesters = _requesters(said["for"], groups)
    if not requesters:
        raise ValueError(f"second person {name}: speaks of nobody")
    return SecondPerson(
        requesters=requesters,
        about=frozenset(map(Fact, said.get("about", ()))),
        moved=frozenset(map(Moved, said.get("moved", tuple(Moved)))),
        when=_when(said, name),
        reason=Reason(name, _text(said["text"]), _text(said["source"])),
    )


def _requesters(said: Sequence[str], groups: Mapping[str, frozenset[Requester]]) -> frozenset[Requester]:
    found: frozenset[Requester] = frozenset()
    for each in said:
        found |= groups[each] if each in groups else frozenset({Requester(each)})
    return found


def _when(said: Mapping[str, Any], name: str) -> dict[str, frozenset[str]]:
    when = {condition: frozenset(map(str, values)) for condition, values in said.get("when", {}).items()}
    for condition, values in when.items():
        if condition not in CONDITIONS or not values or values - set(CONDITIONS[condition]):
            raise ValueError(f"rule {name}: no such condition {condition} = {sorted(values)}")
    return when


def _row(requester: Requester, said: Mapping[str, Any]) -> RequesterRow:
    _only(said, {"title", "right", "purpose", "codes", "silent", "time"}, f"requester {requester}")
    time = said["time"]
    _only(time, {"months", "more_months", "days", "working", "words", "source"}, f"requester {requester}: time")
    if not isinstance(said["silent"], bool):
        raise TypeError(f"requester {requester}: silent is true or false")
    return RequesterRow(
        requester=requester,
        title=_text(said["title"]),
        right=_text(said["right"]),
        purpose=_text(said["purpose"]),
        time_limit=TimeLimit(**time),
        silent=said["silent"],
        codes=tuple(map(_text, said.get("codes", ()))),
    )


def _classes(said: Mapping[str, Mapping[str, list[str]]]) -> dict[Label, str]:
    classes: dict[Label, str] = {}
    for system, groups in said.items():
        for name, codes in groups.items():
            if name not in HANDLING:
                Fact(name)
            for code in codes:
                label = Label(system, _text(code))
                if label in classes:
                    raise ValueError(f"{label} stands in two classes")
                classes[label] = name
    return classes


def _by_case(rules: tuple[Rule, ...]) -> dict[tuple[Requester, Fact], tuple[Rule, ...]]:
    cases: dict[tuple[Requester, Fact], list[Rule]] = {}
    for rule in rules:
        for requester in rule.requesters:
            for fact in rule.about:
                cases.setdefault((requester, fact), []).append(rule)
    return {case: tuple(found) for case, found in cases.items()}
