"""`_include` and `_revinclude`: what matches refer to, and what refers to them (R4 search)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_plugin.sandbox.fhir.query import Include, Query
from fhir_plugin.sandbox.fhir.session import Session, Version
from fhir_plugin.sandbox.fhir.unit import Unit

_MOST_ROUNDS = 5
_MOST_INCLUDED = 1000


def included(unit: Unit, query: Query, matches: Sequence[Version]) -> list[Version]:
    """Within the caller's reach and allowed to be searched; each once, never a match again."""
    if not (query.includes or query.revincludes):
        return []
    known = {version.key for version in matches}
    found = list[Version]()
    fresh = list(matches)
    for round_number in range(_MOST_ROUNDS):
        keys = dict.fromkeys(
            key
            for forward, includes in ((True, query.includes), (False, query.revincludes))
            for include in includes
            if round_number == 0 or include.iterate
            for version in fresh
            for key in _keys(unit.session, include, version, forward=forward)
        )
        fresh = list(_reachable(unit, (key for key in keys if key not in known)))
        known.update(keys)
        found.extend(fresh)
        if not fresh or len(found) >= _MOST_INCLUDED:
            break
    return found[:_MOST_INCLUDED]


def _reachable(unit: Unit, keys: Iterable[int]) -> Iterable[Version]:
    for key in keys:
        version = unit.session.by_key(key)
        if (
            version
            and version.type not in unit.personality.absent_types
            and unit.access.allows(version.type, "search-type")
            and unit.visible(version)
        ):
            yield version


def _keys(session: Session, include: Include, version: Version, *, forward: bool) -> list[int]:
    param = None if include.code == "*" else include.code
    source = None if include.source == "*" else include.source
    if forward:
        if source not in (None, version.type):
            return []
        return session.select(
            "SELECT DISTINCT r.key FROM reference x JOIN resource r"
            " ON r.type = x.target_type AND r.id = x.target_id AND r.deleted = 0"
            " WHERE x.key = ? AND (? IS NULL OR x.param = ?) AND (? IS NULL OR r.type = ?) ORDER BY r.key",
            (version.key, param, param, include.target, include.target),
        )
    if include.target not in (None, version.type):
        return []
    return session.select(
        "SELECT DISTINCT x.key FROM reference x WHERE x.target_type = ? AND x.target_id = ?"
        " AND (? IS NULL OR x.type = ?) AND (? IS NULL OR x.param = ?) ORDER BY x.key",
        (version.type, version.id, source, source, param, param),
    )
