"""One item in full: its words, and what it is before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.titles import text_of
from fhir_plugin.disclose.desk.values import ItemWords
from fhir_plugin.disclose.package.reading import Fact, facts_of
from fhir_plugin.disclose.package.reading.plain import date_words
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
        facts=tuple(_facts(decision, key)),
        text=text_of(before),
        before=pretty(before),
        after=pretty(read_resource(after)) if after is not None else None,
    )


def _facts(decision: Decision, key: ItemKey) -> Iterator[tuple[str, str]]:
    """In the words in which the recipient would read it. Other items go by the names that the list has for them."""
    names = {
        each.key: ", ".join(filter(None, (each.title, date_words(each.when))))
        for each in decision.items
        if not each.hidden
    }
    person = {each for each in decision.gathered.keys if each.startswith("Patient/")}
    resource = dict(decision.gathered.by_key[key])
    for name in ("subject", "patient"):
        whom = resource.get(name)
        if isinstance(whom, dict) and whom.get("reference") in person:
            del resource[name]  # everything here is about this patient
    item = decision.item(key)
    if item is not None and item.is_image:
        resource.pop("content", None)  # it is shown
    for fact in facts_of(resource, lambda reference: names.get(ItemKey(reference), "")):
        yield fact.label, "\n".join(_lines(fact.value))


def _lines(value: str | tuple[Fact, ...]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    for fact in value:
        yield f"{fact.label}: {'; '.join(_lines(fact.value))}"


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
