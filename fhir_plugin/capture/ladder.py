"""The write-back ladder: which rung an EHR allows for one capture, and why not a better one. Pure: nothing is asked."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_plugin.capability import Capability
from mappings.model.writeback import Rung

INLINE_BYTES = 700 * 1024
"""The largest image that goes inside its resource, where a server has no Binary: servers refuse strings above 1 MB."""

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
PDF, TEXT = "application/pdf", "text/plain"
XHTML = ("application/xhtml+xml", "text/html")
BASE64 = 4 / 3
ROUND_THE_IMAGE = 16 * 1024
"""Bytes of JSON around an image."""
ALWAYS = frozenset({"Binary", "Consent", "QuestionnaireResponse", "Provenance", "DocumentReference", "AuditEvent"})
"""What every order may write, besides its images."""


@dataclass(frozen=True)
class Passed:
    """A better rung that this EHR does not allow, and why: a code that `web.words` says in words."""

    rung: Rung
    why: str


@dataclass(frozen=True)
class Ladder:
    """What will be done. `image_type`: Media or DocumentReference, wherever it is kept. `beside`: resource types that
    go to the companion store. `chart_type`: the MIME type of the copy that the chart gets; empty where it gets none."""

    rung: Rung
    image_type: str
    beside: frozenset[str]
    passed: tuple[Passed, ...] = ()
    chart_type: str = ""


def ladder(capability: Capability, *, largest: int, content_types: frozenset[str]) -> Ladder:
    """The best rung for images of these MIME types, the largest of `largest` bytes; (0, empty) where none is stored."""
    passed: list[Passed] = []
    image_type = next(
        (each for each in ("Media", "DocumentReference") if _may_hold(capability, each, content_types)), ""
    )
    if not image_type:
        passed += [Passed(rung, "no-images") for rung in Rung if rung.whole]
    else:
        rung, why = _whole(capability, image_type, largest)
        passed += why
        if rung is not None:
            return Ladder(rung, image_type, _beside(capability, {image_type}), tuple(passed))
    kept_here = _beside(capability, set()) | {"Media", "Binary", "Provenance", "AuditEvent"}
    for rung, chart_type in _copies(capability):
        if rung.shows_picture and not content_types <= PICTURES:
            passed.append(Passed(rung, "video"))
        elif not chart_type:
            passed.append(Passed(rung, "type-refused"))
        else:
            return Ladder(rung, "Media", kept_here, tuple(passed), chart_type)
    return Ladder(Rung.SIGNED_EXPORT, "Media", kept_here, tuple(passed))


def _whole(capability: Capability, image_type: str, largest: int) -> tuple[Rung | None, list[Passed]]:
    passed: list[Passed] = []
    types = {*ALWAYS, image_type} - {"Binary", "AuditEvent"}
    sent = largest if capability.vendor.raw_binary else int(largest * BASE64) + ROUND_THE_IMAGE
    fits = capability.body_limit is None or sent <= capability.body_limit
    if capability.holds("Binary") and fits:
        if image_type != "Media":
            passed += [Passed(Rung.TRANSACTION, "no-media"), Passed(Rung.SEQUENCE, "no-media")]
            return Rung.DOCUMENT_BINARY, passed
        held = [each for each in types if capability.holds(each)]
        if capability.may_transact and all(capability.takes_our_id(each) for each in held):
            return Rung.TRANSACTION, passed
        passed.append(Passed(Rung.TRANSACTION, "ids" if capability.may_transact else "no-transaction"))
        return Rung.SEQUENCE, passed
    why = "too-large" if capability.holds("Binary") else "no-binary"
    passed += [Passed(each, why) for each in (Rung.TRANSACTION, Rung.SEQUENCE, Rung.DOCUMENT_BINARY)]
    inline = int(largest * BASE64) + ROUND_THE_IMAGE
    if largest <= INLINE_BYTES and (capability.body_limit is None or inline <= capability.body_limit):
        return Rung.DOCUMENT_INLINE, passed
    passed.append(Passed(Rung.DOCUMENT_INLINE, "too-large"))
    return None, passed


def _may_hold(capability: Capability, image_type: str, content_types: frozenset[str]) -> bool:
    if image_type == "DocumentReference":
        return capability.holds(image_type) and all(capability.takes_document(each) for each in content_types)
    return capability.holds(image_type)


def _beside(capability: Capability, also: set[str]) -> frozenset[str]:
    """What this EHR does not hold at all."""
    return frozenset(each for each in ALWAYS | also if not capability.holds(each))


def _copies(capability: Capability) -> list[tuple[Rung, str]]:
    xhtml = next((each for each in XHTML if capability.takes_document(each)), "")
    return [
        (Rung.PDF, PDF if capability.takes_document(PDF) else ""),
        (Rung.XHTML, xhtml),
        (Rung.TEXT_NOTE, TEXT if capability.takes_document(TEXT) else ""),
    ]
