"""What a query finds, for somebody who may not see everything."""

from __future__ import annotations

from collections.abc import Callable

from fhir_plugin.sandbox.fhir.conditions import Condition
from fhir_plugin.sandbox.fhir.query import Query, compile_query
from fhir_plugin.sandbox.fhir.session import Session

Sees = Callable[[int], bool]
"""Whether the caller may see the current resource with this key."""


def find_keys(session: Session, query: Query, sees: Sees) -> list[int]:
    """Keys of the matches that the caller may see, in order. Raises `FhirError` 400 for too costly a search."""

    def find(condition: Condition) -> list[tuple[int, str]]:
        inner = find_keys(session, Query(condition.resource_type, (condition,)), sees)
        return [(key, version.reference) for key in inner if (version := session.by_key(key))]

    found = session.select(*compile_query(query, session.now(), find))
    return [key for key in found if sees(key)]
