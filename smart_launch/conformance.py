"""How this client stands to each requirement of SMART App Launch 2.2 that a client can meet.

The requirements are the 173 that Inferno, the test kit of the specification, lists for clients, by its numbers from
SMART-R1 to SMART-R435. One file for each page of the specification, in `requirements`, quotes them in short and says
of each: met, and which tests show it; not applicable, and why; or refused, and why.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

SPECIFICATION = "https://hl7.org/fhir/smart-app-launch/STU2.2"

Status = Literal["met", "not applicable", "refused"]
STATUSES: tuple[Status, ...] = ("met", "not applicable", "refused")
"""Shown by tests; does not concern this client, or binds somebody else; allowed, and not done on purpose."""

PAGES = (
    "app-launch",
    "scopes-and-launch-context",
    "backend-services",
    "token-introspection",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "conformance",
    "brands",
)
"""The pages of the specification, in the order of their first requirement."""


@dataclass(frozen=True)
class Requirement:
    """One requirement, and how this client stands to it."""

    id: str
    """`SMART-R` and its number in the list of requirements."""
    word: str
    """Its conformance word: SHALL, SHOULD NOT, MAY, ...; DEPRECATED where the list has withdrawn it."""
    text: str
    """Its text in short. What stands in brackets was added by the list."""
    page: str
    title: str
    """The title of the page."""
    anchor: str
    status: Status
    tests: tuple[str, ...] = ()
    """`path::name` of the tests that show it, from the project's root; none unless it is met."""
    reason: str = ""
    """Why it is not applicable or refused. With one that is met: what else to know, if anything."""

    @property
    def number(self) -> int:
        """Its number, to order by."""
        return int(self.id.removeprefix("SMART-R"))

    @property
    def url(self) -> str:
        """Where it stands in the specification."""
        return f"{SPECIFICATION}/{self.page}.html#{self.anchor}"


@dataclass(frozen=True)
class Feature:
    """Something that the specification offers, or its practice asks, beside the listed requirements."""

    name: str
    text: str
    page: str
    status: Status
    tests: tuple[str, ...] = ()
    reason: str = ""

    @property
    def url(self) -> str:
        """The page of the specification on which it stands."""
        return f"{SPECIFICATION}/{self.page}.html"


@cache
def requirements() -> tuple[Requirement, ...]:
    """All of them, page by page, by number within a page."""
    return tuple(each for page in PAGES for each in _read(page))


@cache
def features() -> tuple[Feature, ...]:
    """What is offered or asked beside them."""
    return tuple(Feature(**_with_tests(entry)) for entry in _document("beyond")["feature"])


def _read(page: str) -> list[Requirement]:
    document = _document(page)
    return [Requirement(**_with_tests(entry), page=page, title=document["title"]) for entry in document["requirement"]]


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("requirements", f"{name}.toml").read_text("utf-8"))


def _with_tests(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "tests": tuple(entry.get("tests", ()))}


def counts(among: Iterable[Requirement]) -> dict[Status, int]:
    """How many have each status."""
    found = Counter(each.status for each in among)
    return {status: found[status] for status in STATUSES}


def as_markdown() -> str:
    """The table as a document for people, with the counts first."""
    everything = requirements()
    lines = [
        "# SMART App Launch 2.2: how this client stands to each requirement",
        "",
        "Each requirement that the specification makes of a client, by its number in the list of its test kit Inferno,",
        "with the tests that show that it is met, or the reason why it does not apply or is refused. `met` is written",
        "only where a test would fail if it were not so. Texts are quoted in short; the links lead to the whole.",
        "",
        "This page is written by `fhir-plugin smart-conformance --markdown > docs/smart-conformance.md` from",
        "`smart_launch/requirements/`; change it there.",
        "",
        "| Page | " + " | ".join(status.capitalize() for status in STATUSES) + " | Together |",
        "| --- | " + "---: | " * (len(STATUSES) + 1),
        *(_summary(title, [each for each in everything if each.title == title]) for title in _titles()),
        _summary("**Together**", everything),
    ]
    for title in _titles():
        lines += ["", f"## {title}", "", "| Requirement | What it asks | Status | Shown by, or why not |"]
        lines += ["| --- | --- | --- | --- |", *(_row(each) for each in everything if each.title == title)]
    lines += [
        "",
        "## Beside the list",
        "",
        "What else the specification offers, or its practice asks. Not counted above.",
    ]
    lines += ["", "| What | What it is | Status | Shown by, or why not |", "| --- | --- | --- | --- |"]
    lines += [
        f"| [{each.name}]({each.url}) | {_cell(each.text)} | {each.status} | {_shown(each)} |" for each in features()
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _titles() -> list[str]:
    return list(dict.fromkeys(each.title for each in requirements()))


def _summary(title: str, among: Iterable[Requirement]) -> str:
    found = counts(among).values()
    return f"| {title} | " + " | ".join(str(number) for number in (*found, sum(found))) + " |"


def _row(one: Requirement) -> str:
    return f"| [{one.id}]({one.url}) | **{one.word}** {_cell(one.text)} | {one.status} | {_shown(one)} |"


def _shown(one: Requirement | Feature) -> str:
    return "<br>".join([f"`{test}`" for test in one.tests] + ([_cell(one.reason)] if one.reason else []))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
