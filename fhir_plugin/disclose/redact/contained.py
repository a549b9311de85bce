"""Resources inside another: they cannot carry labels of their own, and are nothing once nobody points at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhir_plugin.disclose.redact.cut import Cutter
from fhir_plugin.disclose.redact.strict import Json, is_object


def keep_contained(before: Json, after: Json, inside: Callable[[Json], object], cutter: Cutter) -> Json:
    """The resource with those of its contained resources that may go out and are still pointed at.

    The same object as `after` when there was nothing to take out.
    """
    contained = before.get("contained")
    if not isinstance(contained, list):
        return after
    kept: list[object] = []
    for each in contained:
        new = inside(each) if is_object(each) else None
        if is_object(new):
            kept.append(new)
    same = len(kept) == len(contained) and all(new is old for new, old in zip(kept, contained, strict=True))
    if same and after is before:
        return after
    body = {name: value for name, value in after.items() if name != "contained"}
    left = _pointed_at(body, kept)
    cutter.cuts["contained"] += len(contained) - len(left)
    if not cutter.cuts["contained"]:
        del cutter.cuts["contained"]
    whole = {name: left if name == "contained" else value for name, value in after.items()}
    if not left:
        whole.pop("contained")
    return whole


def _pointed_at(body: Json, contained: list[object]) -> list[object]:
    found: set[str] = set(_fragments(body))
    grown = True
    while grown:
        more = {text for each in contained if _id(each) in found for text in _fragments(each)} - found
        found |= more
        grown = bool(more)
    return [each for each in contained if _id(each) in found or "#" in set(_fragments(each))]


def _id(resource: object) -> str:
    return f"#{resource.get('id')}" if is_object(resource) else ""


def _fragments(value: object) -> Iterator[str]:
    """Every string that is a fragment, wherever it stands: references, canonicals and URLs alike."""
    if isinstance(value, str):
        if value.startswith("#"):
            yield value
    elif is_object(value):
        for inner in value.values():
            yield from _fragments(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fragments(inner)
