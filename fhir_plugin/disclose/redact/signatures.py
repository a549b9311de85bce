"""Signatures over what was changed: they no longer verify, and they are a hash of what was taken out."""

from __future__ import annotations

from fhir_plugin.disclose.redact.strict import Json, is_object


def without_signatures(resource: Json) -> Json:
    """The resource without any Signature, wherever it stands; the same object when it had none."""
    new = _without(resource)
    return new if is_object(new) else resource


def _without(value: object) -> object:
    if is_object(value):
        kept = {name: _without(inner) for name, inner in value.items() if not _holds_signature(inner)}
        if len(kept) == len(value) and all(kept[name] is inner for name, inner in value.items()):
            return value
        return kept
    if isinstance(value, list):
        left = [_without(each) for each in value if not _is_signature(each)]
        same = len(left) == len(value) and all(new is old for new, old in zip(left, value, strict=True))
        return value if same else left
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
