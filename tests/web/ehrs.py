"""What EHRs of every kind say that they can do, as one `Capability` each."""

from __future__ import annotations

from typing import Any

from fhir_plugin.adapters.vendor_files import vendor_named
from fhir_plugin.capability import Capability, Discovery, VendorFacts
from fhir_plugin.capture.this_ehr import INTERACTIONS, TYPES

ALL = frozenset(INTERACTIONS)
READ = frozenset({"read", "search-type"})


def capability(**changes: Any) -> Capability:
    """One that does everything, unless said otherwise; `without` names types that it does not know."""
    without = frozenset(changes.pop("without", ()))
    known = [each for each in TYPES if each not in without]
    values: dict[str, Any] = {
        "fhir_version": "4.0.1",
        "software": "HAPI FHIR Server",
        "interactions": dict.fromkeys(known, ALL),
        "update_create": frozenset(known),
        "system_interactions": frozenset({"transaction"}),
        "vendor": VendorFacts(name="hapi", title="HAPI FHIR", raw_binary=True, atomic_transaction=True),
        "scopes": ("patient/*.cruds",),
        "discovery": Discovery(frozenset({"permission-v2", "launch-ehr"})),
    }
    return Capability(**{**values, **changes})


def documents_only(named: str, **changes: Any) -> Capability:
    """One where DocumentReference alone is created, as its vendor file says."""
    reading = dict.fromkeys(TYPES, READ)
    interactions = {**reading, "DocumentReference": READ | {"create"}}
    values = {"software": vendor_named(named).title, "vendor": vendor_named(named), "interactions": interactions}
    return capability(**{**values, "update_create": frozenset(), "system_interactions": frozenset(), **changes})


EVERYTHING = capability()
EPIC = documents_only("epic")
ORACLE = documents_only("oracle")
TEXT_ONLY = documents_only("text-only")
NOTHING = capability(interactions={}, update_create=frozenset(), vendor=vendor_named("athena"))
