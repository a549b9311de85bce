"""The labels in force: what the server says of an image and what we say of it, together (ADR 21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_plugin.disclose.desk.gathered import Gathered
from fhir_plugin.disclose.redact.report import review_by
from fhir_plugin.disclose.redact.strict import Json, is_object, read_resource, write
from mappings.model.disclosure import Judge, Release, Verdict
from mappings.model.disclosure_request import ItemKey
from mappings.model.label_change import ImageLabel
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.terminology.labels import UNREADABLE


def with_labels_in_force(gathered: Gathered, known: Sequence[ImageLabel]) -> tuple[Gathered, frozenset[ItemKey]]:
    """The record as it is decided about and goes out: a label that a server lost or does not take stands there again.

    And the images of which what we say cannot be read: a person has to look at them.
    """
    ours = {ItemKey(each.reference): each for each in known}
    unreadable = frozenset(key for key, each in ours.items() if UNREADABLE in each.labels and key in gathered.by_key)
    changed = {}
    for key in ours.keys() & gathered.by_key.keys():
        added = [label for label in ours[key].labels if label != UNREADABLE]
        line = _labelled(gathered.by_key[key], added)
        if line is not None:
            changed[key] = line
    if not changed:
        return gathered, unreadable
    lines = tuple(changed.get(key, line) for key, line in zip(gathered.keys, gathered.lines, strict=True))
    return replace(gathered, lines=lines), unreadable


def unless_unreadable(judge: Judge, unreadable: frozenset[ItemKey]) -> Judge:
    """What we say about the label of these images cannot be read: a person looks before anything else is decided."""

    def judged(resource: Mapping[str, object]) -> Verdict:
        verdict = judge(resource)
        key = ItemKey(f"{resource['resourceType']}/{resource.get('id')}")
        return review_by("unread-label") if key in unreadable and isinstance(verdict, Release) else verdict

    return judged


def _labelled(resource: Json, labels: Sequence[Label]) -> bytes | None:
    """With these labels beside its own; None where it has them all."""
    there = elements.labels_of(dict(resource))
    missing = [label for label in labels if label not in there]
    if not missing:
        return None
    new = read_resource(write(resource))
    meta = new.get("meta")
    meta = dict(meta) if is_object(meta) else {}
    security = meta.get("security")
    meta["security"] = [*(security if isinstance(security, list) else ()), *elements.security(missing)]
    return write({**new, "meta": meta})
