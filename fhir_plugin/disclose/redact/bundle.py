"""What a Bundle itself tells: its entries, URLs, links, totals, label and signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fhir_plugin.disclose.redact.cut import Cutter
from fhir_plugin.disclose.redact.strict import AsItCame, Json, is_object
from fhir_plugin.disclose.redact.stub import labels_of, level_of, of_what_is_left, relabelled

_STUBS_IN: Final = ("collection", "document", "message", "searchset")
"""In the others an entry is a request, an answer or a version: a stub there would be an untruth."""

_NEEDS_FIRST: Final = ("document", "message")


class FirstIsMissing(Exception):
    """A document without its Composition or a message without its header cannot go out."""


Inside = Callable[[Json, bool], object]
"""What becomes of the resource in an entry: it, a stub (only where the flag allows one) or GONE."""


def redact_bundle(bundle: Json, inside: Inside, cutter: Cutter, *, marked: bool) -> Json:
    """The Bundle with what may go out; the same object when nothing had to change. Raises `FirstIsMissing`."""
    kind = bundle.get("type")
    entries = bundle.get("entry")
    before = entries if isinstance(entries, list) else []
    after: list[object] = []
    for number, entry in enumerate(before):
        new = _entry(entry, inside, cutter, stubs=kind in _STUBS_IN) if is_object(entry) else entry
        if number == 0 and kind in _NEEDS_FIRST and _is_other(entry, new):
            raise FirstIsMissing
        if new is not None:
            after.append(new)
    same_entries = len(after) == len(before) and all(new is old for new, old in zip(after, before, strict=True))
    shell = {name: value for name, value in bundle.items() if name not in ("entry", "link")}
    cut = cutter.cut(shell)
    links = _links(bundle.get("link"), cutter, changed=not same_entries)
    if same_entries and cut is shell and links is bundle.get("link"):
        return bundle
    whole: Json = {}
    for name in bundle:
        value = {"entry": after, "link": links}.get(name, cut.get(name)) if name in ("entry", "link") else cut.get(name)
        if value or (value is not None and name == "total"):
            whole[name] = value
    if not same_entries:
        _count_again(whole, before, after)
        whole.pop("signature", None)
    left = max((level_of(each) for each in _resources(after)), default=-1)
    return relabelled(whole, of_what_is_left(labels_of(whole), left), redacted=marked)


def _entry(entry: Json, inside: Inside, cutter: Cutter, *, stubs: bool) -> Json | None:
    resource = entry.get("resource")
    new = inside(resource, stubs) if is_object(resource) else None
    if isinstance(entry, AsItCame) and new is resource:
        return entry
    rest = {name: value for name, value in entry.items() if name != "resource"}
    if not is_object(resource):
        return entry if cutter.cut_entry(rest) is rest else None
    if not is_object(new):
        return None
    if new is not resource and "id" in new and new.get("id") != resource.get("id"):  # a stub
        search = entry.get("search")
        kept: Json = {"search": {"mode": search["mode"]}} if is_object(search) and "mode" in search else {}
        return {"resource": new, **kept}
    cut = cutter.cut_entry(rest)
    if cut is rest and new is resource:
        return entry
    if any(name in rest and name not in cut for name in ("request", "response", "fullUrl")):
        return None
    return {name: new if name == "resource" else cut[name] for name in entry if name == "resource" or name in cut}


def _links(links: object, cutter: Cutter, *, changed: bool) -> object:
    """Links repeat the search, and lead to pages that are not redacted: none goes out where anything is withheld."""
    if not isinstance(links, list):
        return links
    if changed:
        return None
    kept = [each for each in links if is_object(each) and "?" not in str(each.get("url", "")) and cutter.keeps(each)]
    return links if len(kept) == len(links) else kept


def _count_again(bundle: Json, before: list[object], after: list[object]) -> None:
    """`total` counts matches on all pages: where this page is all there is it can be told, else it goes."""
    if "total" not in bundle:
        return
    if bundle["total"] == _matches(before):
        bundle["total"] = _matches(after)
    else:
        bundle.pop("total")


def _matches(entries: list[object]) -> int:
    found = 0
    for entry in entries:
        search = entry.get("search") if is_object(entry) else None
        found += not (is_object(search) and search.get("mode") in ("include", "outcome"))
    return found


def _resources(entries: list[object]) -> list[Json]:
    found = []
    for entry in entries:
        resource = entry.get("resource") if is_object(entry) else None
        if is_object(resource):
            found.append(resource)
    return found


def _is_other(entry: object, new: Json | None) -> bool:
    if new is None or not is_object(entry):
        return True
    before, after = entry.get("resource"), new.get("resource")
    return is_object(before) and is_object(after) and before.get("id") != after.get("id")
