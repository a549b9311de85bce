"""The write-back ladder: which rung an EHR allows for one capture, and why not a better one. Pure: nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhir_plugin.capability import ROUND_A_DOCUMENT, Capability
from mappings.model.chart_document import DocumentNeed
from mappings.model.writeback import Rung

INLINE_BYTES: Final = 700 * 1024
"""The largest image that goes inside its resource, where a server has no Binary: servers refuse strings above 1 MB."""

PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
PDF, TEXT = "application/pdf", "text/plain"
XHTML = ("application/xhtml+xml", "text/html")
BASE64: Final = 4 / 3
ROUND_THE_IMAGE: Final = ROUND_A_DOCUMENT
PAGE_BYTES: Final = 96 * 1024
"""What a page takes beside its picture: fonts, words, styles."""
SMALLEST_ROOM: Final = 160 * 1024
"""Below this a page with a picture shows nothing worth looking at."""
ALWAYS: Final = frozenset(
    {"Binary", "Consent", "QuestionnaireResponse", "Provenance", "DocumentReference", "AuditEvent"}
)
"""What every order may write, besides its images."""


class Why(StrEnum):
    """Why an EHR does not allow a rung. `capture.ladder_words` says each in a sentence."""

    NO_IMAGES = "no-images"
    """It takes neither Media nor DocumentReference with such a file."""
    NOT_GRANTED = "not-granted"
    """The server would, but this launch was not granted it."""
    NOT_READABLE = "not-readable"
    """What is written there cannot be read back, so that nothing could be proven."""
    NO_MEDIA = "no-media"
    NO_TRANSACTION = "no-transaction"
    IDS = "ids"
    """It chooses ids itself, so that a transaction cannot refer to its own parts."""
    NO_BINARY = "no-binary"
    TOO_LARGE = "too-large"
    NO_DOCUMENTS = "no-documents"
    TYPE_REFUSED = "type-refused"
    NO_ENCOUNTER = "no-encounter"
    """It files documents within an encounter only, and this launch has none."""
    VIDEO = "video"
    SENSITIVE = "sensitive"
    """Policy: of restricted images such a chart gets words."""
    NOT_REDUCED = "not-reduced"
    """It would only fit as a smaller picture, which policy does not want."""


@dataclass(frozen=True)
class Passed:
    """A better rung that this EHR does not allow, and why."""

    rung: Rung
    why: Why


@dataclass(frozen=True)
class Ladder:
    """What will be done. `image_type`: Media or DocumentReference, wherever it is kept. `beside`: resource types that
    go to the companion store. `chart_type`: the MIME type of the copy that the chart gets; empty where it gets none.
    `room`: bytes that the copy may have, before base64; None: any. `reduced`: its picture has to be made smaller."""

    rung: Rung
    image_type: str
    beside: frozenset[str]
    passed: tuple[Passed, ...] = ()
    chart_type: str = ""
    room: int | None = None
    reduced: bool = False


def ladder(
    capability: Capability,
    *,
    largest: int,
    content_types: frozenset[str],
    words_only: bool = False,
    reduce: bool = True,
    encounter: bool = True,
) -> Ladder:
    """The best rung for images of these MIME types, the largest of `largest` bytes; (0, empty) where none is stored.

    `words_only`: policy wants no picture of these in a chart that takes no images. `reduce`: a copy may show a smaller
    picture. `encounter`: this launch is about one.
    """
    passed: list[Passed] = []
    image_type, why = _image_type(capability, content_types, encounter=encounter)
    if not image_type:
        passed += [Passed(rung, why) for rung in Rung if rung.whole]
    else:
        rung, better = _whole(capability, image_type, largest)
        passed += better
        if rung is not None:
            notes_fit = image_type == "DocumentReference" or takes_notes(capability, encounter=encounter)
            return Ladder(rung, image_type, _beside(capability, image_type, notes_fit=notes_fit), tuple(passed))
    notes_fit = takes_notes(capability, encounter=encounter)
    kept_here = _beside(capability, "Media", notes_fit=notes_fit) | {"Media", "Binary", "Provenance", "AuditEvent"}
    room = copy_room(capability)
    for rung, chart_type in _copies(capability):
        reason = _no_copy(
            capability, rung, chart_type, content_types, words_only=words_only, encounter=encounter
        ) or _no_room(rung, largest, room, reduce=reduce)
        if reason is not None:
            passed.append(Passed(rung, reason))
            continue
        reduced = rung.shows_picture and room is not None and page_bytes(rung, largest) > room
        return Ladder(rung, "Media", kept_here, tuple(passed), chart_type, room, reduced)
    return Ladder(Rung.SIGNED_EXPORT, "Media", kept_here, tuple(passed))


def copy_room(capability: Capability) -> int | None:
    """Bytes that a copy may have, before base64. Where all that is known is that something was refused, well below
    it, and less with every refusal: nobody tries a chart a dozen times."""
    known = [capability.document_limit]
    if capability.refused_size is not None:
        known += [INLINE_BYTES, max(0, (capability.refused_size // 2 - ROUND_A_DOCUMENT) * 3 // 4)]
    return min((each for each in known if each is not None), default=None)


def page_bytes(rung: Rung, largest: int) -> int:
    """About what a page with a picture of `largest` bytes takes: (X)HTML holds it as base64."""
    return PAGE_BYTES + (largest if rung is Rung.PDF else int(largest * BASE64))


def _image_type(capability: Capability, content_types: frozenset[str], *, encounter: bool) -> tuple[str, Why]:
    """Media, else DocumentReference; empty with a reason: the first way that is barred by the least."""
    if content_types & capability.refused_types:
        return "", Why.NO_IMAGES
    if capability.holds("Media") and capability.may("Media", "read"):
        return "Media", Why.NO_IMAGES
    documents = capability.vendor.document_types
    fit = documents is None or content_types <= documents
    if fit and capability.holds("DocumentReference") and capability.may("DocumentReference", "read"):
        needs = capability.vendor.document_needs
        if encounter or DocumentNeed.ENCOUNTER not in needs:
            return "DocumentReference", Why.NO_MEDIA
        return "", Why.NO_ENCOUNTER
    takers = ["Media", *(["DocumentReference"] if fit else [])]
    if any(capability.holds(each) for each in takers):
        return "", Why.NOT_READABLE
    offered = any(_offered(capability, each) for each in takers)
    return "", Why.NOT_GRANTED if offered else Why.NO_IMAGES


def _offered(capability: Capability, resource_type: str) -> bool:
    by_put = resource_type in capability.update_create and capability.offers(resource_type, "update")
    return by_put or capability.offers(resource_type, "create")


def _whole(capability: Capability, image_type: str, largest: int) -> tuple[Rung | None, list[Passed]]:
    passed: list[Passed] = []
    limit = capability.body_limit
    if image_type == "DocumentReference" and capability.vendor.largest_document is not None:
        fits_document = largest <= capability.vendor.largest_document
    else:
        fits_document = True
    inline = int(largest * BASE64) + ROUND_THE_IMAGE
    sent = largest if capability.vendor.raw_binary else inline
    binary = capability.holds("Binary") and capability.may("Binary", "read")
    if binary and fits_document and (limit is None or sent <= limit):
        if image_type != "Media":
            passed += [Passed(Rung.TRANSACTION, Why.NO_MEDIA), Passed(Rung.SEQUENCE, Why.NO_MEDIA)]
            return Rung.DOCUMENT_BINARY, passed
        held = [each for each in {*ALWAYS, image_type} - {"Binary", "AuditEvent"} if capability.holds(each)]
        if capability.may_transact and all(capability.takes_our_id(each) for each in held):
            return Rung.TRANSACTION, passed
        passed.append(Passed(Rung.TRANSACTION, Why.IDS if capability.may_transact else Why.NO_TRANSACTION))
        return Rung.SEQUENCE, passed
    why = _no_binary(capability) if not binary else Why.TOO_LARGE
    passed += [Passed(each, why) for each in (Rung.TRANSACTION, Rung.SEQUENCE, Rung.DOCUMENT_BINARY)]
    if largest <= INLINE_BYTES and fits_document and (limit is None or inline <= limit):
        return Rung.DOCUMENT_INLINE, passed
    passed.append(Passed(Rung.DOCUMENT_INLINE, Why.TOO_LARGE))
    return None, passed


def _no_binary(capability: Capability) -> Why:
    if capability.holds("Binary"):
        return Why.NOT_READABLE
    return Why.NOT_GRANTED if _offered(capability, "Binary") else Why.NO_BINARY


def takes_notes(capability: Capability, *, encounter: bool) -> bool:
    """Whether the note of a capture, which is plain text, can be a document of this chart."""
    needs_encounter = DocumentNeed.ENCOUNTER in capability.vendor.document_needs
    return capability.takes_document(TEXT) and (encounter or not needs_encounter)


def _beside(capability: Capability, image_type: str, *, notes_fit: bool) -> frozenset[str]:
    """What this EHR does not hold at all, or not of this launch."""
    refused = {each for each in ALWAYS | {image_type} if not capability.holds(each)}
    return frozenset(refused if notes_fit else refused | {"DocumentReference"})


def _copies(capability: Capability) -> Iterator[tuple[Rung, str]]:
    yield Rung.PDF, PDF if capability.takes_document(PDF) else ""
    yield Rung.XHTML, next((each for each in XHTML if capability.takes_document(each)), "")
    pages = (TEXT, PDF, *XHTML)  # words can stand on a page without a picture, too
    yield Rung.TEXT_NOTE, next((each for each in pages if capability.takes_document(each)), "")


def _no_copy(
    capability: Capability,
    rung: Rung,
    chart_type: str,
    content_types: frozenset[str],
    *,
    words_only: bool,
    encounter: bool,
) -> Why | None:
    if not capability.holds("DocumentReference"):
        return Why.NOT_GRANTED if _offered(capability, "DocumentReference") else Why.NO_DOCUMENTS
    if not capability.may("DocumentReference", "read"):
        return Why.NOT_READABLE
    if not encounter and DocumentNeed.ENCOUNTER in capability.vendor.document_needs:
        return Why.NO_ENCOUNTER
    if not chart_type:
        return Why.TYPE_REFUSED
    if rung.shows_picture and not content_types <= PICTURES:
        return Why.VIDEO
    return Why.SENSITIVE if rung.shows_picture and words_only else None


def _no_room(rung: Rung, largest: int, room: int | None, *, reduce: bool) -> Why | None:
    """Whether the picture does not fit on a page, however small it may be made."""
    if not rung.shows_picture or room is None or page_bytes(rung, largest) <= room:
        return None
    if room < SMALLEST_ROOM:
        return Why.TOO_LARGE
    return None if reduce else Why.NOT_REDUCED
