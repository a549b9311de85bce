"""Which resources a query names: for conditional interactions (R4 http, conditional create, update, delete)."""

from __future__ import annotations

from fhir_plugin.sandbox.fhir.exchange import read_query
from fhir_plugin.sandbox.fhir.finding import find_keys
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.query import parse_query
from fhir_plugin.sandbox.fhir.session import Version
from fhir_plugin.sandbox.fhir.unit import Unit


def find_matches(unit: Unit, resource_type: str, query: str, base: str) -> list[Version]:
    """At most two current resources within the caller's reach that match; no criteria, or unknown ones, are 412.

    Only the first two are told apart: none, one, or more than one.
    """
    params = [(name, value) for name, value in read_query(query.partition("?")[2] if "?" in query else query) if value]
    parsed = parse_query(resource_type, params, known=unit.personality.searches, base=base)
    if parsed.ignored:
        raise FhirError(412, "not-supported", f"A condition on an unknown parameter: {parsed.ignored[0]!r}")
    for other in {other for condition in parsed.conditions for other in condition.types()}:
        unit.authorise(other, "search-type")
    if not parsed.conditions:
        raise FhirError(412, "required", "A condition needs at least one search parameter")
    keys = find_keys(unit.session, parsed, unit.reaches)[:2]
    return [version for key in keys if (version := unit.session.by_key(key))]
