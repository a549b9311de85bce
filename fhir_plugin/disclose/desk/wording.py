"""One item in full: its words, and what it is before and after."""

from __future__ import annotations

import json
from typing import Any

from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.titles import facts_of, text_of
from fhir_plugin.disclose.desk.values import ItemWords
from fhir_plugin.disclose.redact.strict import read_resource
from mappings.model.disclosure_request import ItemKey

_ELIDED = 200
"""Characters of base64 from which only its length is shown."""


def words_and_change(decision: Decision, key: ItemKey) -> ItemWords:
    """The item as the record holds it, and as it would go out: a stub is what goes out of what is masked."""
    number = decision.gathered.keys.index(key) + 1
    after = next((part.data for part in decision.record.parts if part.line == number), None)
    before = decision.gathered.by_key[key]
    return ItemWords(
        facts=tuple(facts_of(before)),
        text=text_of(before),
        before=pretty(before),
        after=pretty(read_resource(after)) if after is not None else None,
    )


def pretty(resource: Any) -> str:
    """JSON to read, without the bytes of files."""
    return json.dumps(_without_bytes(resource), indent=2, ensure_ascii=False, default=str)


def _without_bytes(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: f"({len(inner) * 3 // 4} bytes)"
            if name == "data" and isinstance(inner, str) and len(inner) > _ELIDED
            else _without_bytes(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_bytes(each) for each in value]
    return value
