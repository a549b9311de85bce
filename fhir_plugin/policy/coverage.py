"""How this software stands to each of the 351 requirements drawn from the guidance (G-R1 to G-R351).

One file for each group in `coverage` says what a requirement asks, where the guidance says so (document and lines),
and its standing: enforced, and by what; shown as text; a field that is kept; configured; outside the software, with
the attestation that stands in for it; or later, and plainly so.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

LAST = 351
GROUPS = (
    "PI",
    "NJ",
    "CG",
    "CC",
    "CH",
    "UNS",
    "ID",
    "RX",
    "ST",
    "IN",
    "CI",
    "CP",
    "VI",
    "SO",
    "SU",
    "WD",
    "RM",
    "CR",
    "DIS",
    "DEL",
    "RK",
    "RO",
    "SG",
    "CA",
    "PO",
)
"""As the requirements have them."""
DOCUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "000": "MDU: receiving and storing images from online consultations, 30 January 2024",
        "001": "Information governance consultancy for GP practices: can we ask patients to send photographs, undated",
        "002": "Medical Protection: storing images in medical records, 20 November 2020",
        "003": "MDU in GPonline: sharing medical images, undated",
        "004": "NHS England and others: key principles for intimate clinical assessments undertaken remotely, 2020",
    }
)
"""The guidance by the numbers under which its lines are cited."""


class Standing(StrEnum):
    ENFORCED = "enforced"
    """It cannot go on without it: `where` does it, `tests` would fail if it did not."""
    TEXT = "text"
    """Shown to a patient or user."""
    FIELD = "field"
    """Asked for or kept as data."""
    CONFIGURED = "configured"
    """A key of the policy pack decides."""
    OUTSIDE = "outside"
    """For people and organisations: an attestation stands in for it."""
    LATER = "later"
    """Not built yet."""


@dataclass(frozen=True)
class Requirement:
    """One requirement, and how this software stands to it."""

    id: str
    group: str
    title: str
    """The name of its group."""
    says: str
    """In short, as the requirements paraphrase it."""
    seeds: tuple[str, ...]
    """Document and lines, as 004:271-274."""
    standing: Standing
    where: tuple[str, ...]
    """`path` or `path::name` of what does, shows or asks it; `pack:key` of a policy pack; `attestation:name`."""
    tests: tuple[str, ...]
    """`path::name` of tests that show it."""
    note: str = ""

    @property
    def number(self) -> int:
        return int(self.id.removeprefix("G-R"))


@dataclass(frozen=True)
class Disagreement:
    """One place where the guidance disagrees (X1 to X26)."""

    id: str
    topic: str
    seeds: tuple[str, ...]


@cache
def requirements() -> tuple[Requirement, ...]:
    """All of them, by number."""
    found = [each for group in GROUPS for each in _read(group)]
    return tuple(sorted(found, key=lambda each: each.number))


@cache
def disagreements() -> tuple[Disagreement, ...]:
    entries = _document("disagreements")["disagreement"]
    return tuple(Disagreement(each["id"], each["topic"], tuple(each["seeds"])) for each in entries)


def _read(group: str) -> list[Requirement]:
    document = _document(group.lower())
    return [
        Requirement(
            id=entry["id"],
            group=group,
            title=document["title"],
            says=entry["says"],
            seeds=tuple(entry["seeds"]),
            standing=Standing(entry["standing"]),
            where=tuple(entry.get("where", ())),
            tests=tuple(entry.get("tests", ())),
            note=entry.get("note", ""),
        )
        for entry in document["requirement"]
    ]


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads((files("fhir_plugin.policy") / "coverage" / f"{name}.toml").read_text("utf-8"))


@cache
def _seeds() -> Mapping[str, tuple[str, ...]]:
    ours = {each.id: each.seeds for each in requirements()}
    return ours | {each.id: each.seeds for each in disagreements()}


def lines_of(sources: Iterable[str]) -> list[str]:
    """The lines of guidance behind these numbers (G-R..., X...), each once, as 004:271-274."""
    return list(dict.fromkeys(seed for source in sources for seed in _seeds().get(source, ())))


def counts(among: Iterable[Requirement]) -> dict[Standing, int]:
    found = Counter(each.standing for each in among)
    return {standing: found[standing] for standing in Standing}


def as_markdown() -> str:
    """docs/guidance-coverage.md."""
    everything = requirements()
    lines = [
        "# The guidance, requirement by requirement",
        "",
        "How this software stands to each of the 351 requirements drawn from five guidance documents.",
        "",
        "* **enforced**: it cannot go on without it; the tests named would fail if it could.",
        "* **text**: shown to a patient or user. **field**: asked for or kept as data.",
        "* **configured**: a key of the policy pack decides.",
        "* **outside**: for people and organisations; where the pack has an attestation for it, it is named.",
        "* **later**: not built yet.",
        "",
        "This page is written by `fhir-plugin policy coverage --markdown > docs/guidance-coverage.md` from",
        "`fhir_plugin/policy/coverage/`; change it there.",
        "",
        "The documents, by the numbers under which their lines are cited:",
        "",
        *(f"* {number}: {title}" for number, title in DOCUMENTS.items()),
        "",
        "| Group | " + " | ".join(standing.capitalize() for standing in Standing) + " | Together |",
        "| --- | " + "---: | " * (len(Standing) + 1),
    ]
    for group in GROUPS:
        among = [each for each in everything if each.group == group]
        lines.append(_summary(f"{group}: {among[0].title}", among))
    lines.append(_summary("**Together**", everything))
    for group in GROUPS:
        among = [each for each in everything if each.group == group]
        lines += ["", f"## {group}: {among[0].title}", ""]
        lines += [
            "| Requirement | What it asks | Standing | Where, tests, and what to know |",
            "| --- | --- | --- | --- |",
        ]
        lines += [_row(each) for each in among]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _summary(title: str, among: Iterable[Requirement]) -> str:
    found = counts(among).values()
    return f"| {title} | " + " | ".join(str(number) for number in (*found, sum(found))) + " |"


def _row(one: Requirement) -> str:
    shown = [f"`{each}`" for each in (*one.where, *one.tests)] + ([_cell(one.note)] if one.note else [])
    seeds = ", ".join(one.seeds)
    return f"| {one.id} ({seeds}) | {_cell(one.says)} | {one.standing} | {'<br>'.join(shown)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
