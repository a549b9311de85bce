"""What is known of server families, as data: one TOML file each in `vendors/`, every fact with its reason and source.

A family is recognised by the software name in the CapabilityStatement, or named outright in the registry of issuers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from fhir_plugin.capability import Known, Source, VendorFacts
from mappings.model.chart_document import DocumentNeed

FACTS: Final = {
    "raw_binary": bool,
    "rewrites_urn_in_attachments": bool,
    "atomic_transaction": bool,
    "max_body_bytes": int,
    "obeys_online_record_flag": bool,
    "document_types": frozenset,
    "largest_document": int,
    "document_needs": frozenset,
}
"""What a file may say, and of which kind it is; a frozenset is a list of texts there."""


@dataclass(frozen=True)
class Vendor:
    """One server family: how its CapabilityStatement names itself, and what is known of it."""

    facts: VendorFacts
    software: tuple[str, ...]

    def recognises(self, software: str) -> bool:
        """Whether `software` (CapabilityStatement.software.name) begins with one of this family's names."""
        named = software.casefold()
        return any(named.startswith(name.casefold()) for name in self.software)


def recognise(software: str) -> VendorFacts:
    """The facts of the family that `software` belongs to, or those of `unknown`."""
    for family in _vendors().values():
        if family.recognises(software):
            return family.facts
    return vendor_named("unknown")


def vendor_named(name: str) -> VendorFacts:
    """The facts of one family. Raises `KeyError` for a name without a file."""
    return _vendors()[name].facts


def vendor_names() -> tuple[str, ...]:
    """Every family there is a file for."""
    return tuple(sorted(_vendors()))


@cache
def _vendors() -> dict[str, Vendor]:
    folder = resources.files(__package__) / "vendors"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    read = [read_vendor(tomllib.loads(f.read_text("utf-8"))) for f in files]
    return {vendor.facts.name: vendor for vendor in read}


def read_vendor(data: dict[str, Any]) -> Vendor:
    """One file. Raises `ValueError` for a fact that nobody reads, of the wrong kind, or without reason and source."""
    name = data["name"]
    facts: dict[str, Any] = {}
    for line in data.get("facts", []):
        facts[line["fact"]] = _value(name, line["fact"], line["value"])
    if strange := facts.get("document_needs", frozenset()) - {each.value for each in DocumentNeed}:
        raise ValueError(f"vendor {name} demands of documents what nobody fulfils: {sorted(strange)}")
    return Vendor(
        facts=VendorFacts(
            name=name,
            title=data["title"],
            denied=frozenset((line["type"], line["interaction"]) for line in data.get("denied", [])),
            known=tuple(_known(data)),
            **facts,
        ),
        software=tuple(data.get("software", ())),
    )


def _value(vendor: str, fact: str, value: object) -> object:
    kind = FACTS.get(fact)
    if kind is None:
        raise ValueError(f"vendor {vendor} has a fact that nobody reads: {fact}")
    if kind is frozenset and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return frozenset(value)
    if kind is frozenset or type(value) is not kind:
        raise ValueError(f"vendor {vendor}: {fact} is of the wrong kind")
    return value


def _known(data: dict[str, Any]) -> Iterator[Known]:
    try:
        for line in data.get("facts", []):
            yield Known(line["fact"], _words(line["value"]), line["reason"], Source(line["source"]))
        for line in data.get("denied", []):
            yield Known("denied", f"{line['type']} {line['interaction']}", line["reason"], Source(line["source"]))
        for line in data.get("notes", []):
            yield Known("note", line["says"], line["reason"], Source(line["source"]))
    except KeyError as missing:
        raise ValueError(f"vendor {data['name']}: something is said without its {missing}") from None


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value)
