"""Signatures over what was changed: they no longer verify, and they are a hash of what was taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.strict import Json, is_object


def signs_any_of(names: Collection[str], resource: Json) -> bool:
    """Whether a Provenance signs something that goes by one of these names."""
    if resource["resourceType"] != "Provenance" or "signature" not in resource:
        return False
    targets = resource.get("target")
    return any(name in names for each in (targets if isinstance(targets, list) else []) for name in _readings(each))


def _readings(target: object) -> Iterator[str]:
    reference = target.get("reference") if is_object(target) else None
    if isinstance(reference, str):
        bare = reference.partition("/_history/")[0]
        yield bare
        yield "/".join(bare.split("/")[-2:])


def without_signatures(resource: Json) -> Json:
    """The resource without any Signature, wherever it stands; the same object when it had none.

    What cannot be without its signature (a contract's signer) goes with it.
    """
    new = _object(resource, str(resource["resourceType"]), root=True)
    return new if is_object(new) else resource


def _object(value: Json, kind: str, *, root: bool = False) -> object:
    kept: Json = {}
    same = True
    for name, inner in value.items():
        new = None if _holds_signature(inner) else _without(inner, shapes().inside(kind, name))
        if new is None and inner is not None:
            same = False
            if not root and shapes().must_have(kind, name):
                return None
            continue
        same = same and new is inner
        kept[name] = new
    return value if same else kept


def _without(value: object, kind: str) -> object:
    """None for what has to go as a whole."""
    if is_object(value):
        return _object(value, kind)
    if isinstance(value, list):
        left: list[object] = []
        for each in value:
            new = None if _is_signature(each) else _without(each, kind)
            if new is not None or each is None:
                left.append(new)
        same = len(left) == len(value) and all(new is old for new, old in zip(left, value, strict=True))
        return value if same else left or None
    return value


def _holds_signature(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_signature(each) or _is_signed_item(each) for each in value)
    return _is_signature(value)


def _is_signed_item(value: object) -> bool:
    """An extension whose value is a signature, or a signer who is nothing without theirs."""
    return is_object(value) and any(_is_signature(inner) for name, inner in value.items() if name == "valueSignature")


def _is_signature(value: object) -> bool:
    if not is_object(value):
        return False
    return {"type", "when"} <= set(value) and bool({"who", "whoReference", "whoUri", "data", "sigFormat"} & set(value))
