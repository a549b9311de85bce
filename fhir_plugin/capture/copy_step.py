"""The two acts of a chart copy: it is written once, and what the chart then holds is compared with what was sent.

A create is sent once: after a lost answer the chart is asked, never told again. What is not the copy is taken back as
far as the EHR lets this app (docs/adr/0035).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.capture.copy_terms import TEXT, CopyTerms, role_of
from fhir_plugin.capture.copy_words import sheet_words, site_words
from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.ladder import copy_room
from fhir_plugin.capture.steps import Found
from fhir_plugin.capture.withdraw import withdraw
from fhir_plugin.errors import AnswerLost, Gone, NotFound, ReadBackMismatch, RecordRefused, Unavailable
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, CopySheets, Json, Sheet, SheetPicture, Stored
from mappings.model.chart_document import ChartDocument
from mappings.model.identifiers import Reference
from mappings.model.images import CleanImage
from mappings.model.labels import is_restricted
from mappings.model.writeback import CopyState, Rung
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of, inline_content
from mappings.r4.chart_copy import to_chart_copy
from mappings.r4.document_reference import document_labels
from mappings.r4.errors import MappingError
from mappings.terminology import systems

_UNTOLD: Final = re.compile(r"\s+")


@dataclass
class ChartCopyStep:
    """The copy of one image. Its evidence: `reference`, `version`, `rung`, `content_type`, `digest` (keyed, of what was
    sent) and `reduced`."""

    image: OrderedImage
    order: FilingOrder
    terms: CopyTerms
    record: ClinicalRecord = field(repr=False)
    found: Found = field(repr=False)
    clean: Callable[[OrderedImage], CleanImage] = field(repr=False)
    sheets: CopySheets = field(repr=False)
    digest: Callable[[bytes], str] = field(repr=False)
    left: Callable[[OrderedImage, Evidence, CopyState], None] = field(repr=False)
    _sheet: tuple[Rung, Sheet] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return role_of(self.image)

    def happened(self) -> Evidence | None:
        """Asks the chart. Raises `AnswerLost` where it cannot tell: then it is never sent again."""
        our_id = self._our_id()
        if our_id is not None:
            try:
                found = self.record.read("DocumentReference", our_id)
            except (NotFound, Gone):
                return None
            return None if _in_error(found) else self._evidence(_stored(found))
        ours = self._ours()
        for double in ours[1:]:  # a lost answer that was answered twice
            take_back(self.record, _stored(double).reference)
        return self._evidence(_stored(ours[0])) if ours else None

    def do(self) -> Evidence:
        needs = self.record.capability().vendor.document_needs
        try:
            document = to_chart_copy(self._document(), needs=needs, id=self._our_id())
        except MappingError as error:
            raise RecordRefused(
                f"This EHR takes no copy of this image: {error}.", status=422, code=error.code
            ) from None
        if document.get("id"):
            return self._evidence(self.record.put(document))
        stored = self.record.create(document)
        try:  # counted afterwards: some servers, and some proxies in front of them, write a create twice
            return self.happened() or self._evidence(stored)
        except (AnswerLost, RecordRefused, Unavailable):  # its answer is all there is, and it is never sent again
            return self._evidence(stored)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        reference = Reference(evidence["reference"])
        state = take_back(self.record, reference)
        if state is CopyState.GONE:
            return ()
        self.left(self.image, evidence, state)
        if state is CopyState.TAKEN_BACK:
            return (f"{reference} remains, marked as entered in error",)
        return (f"{reference} remains in the chart: this EHR lets no app remove it, so somebody has to",)

    # ------------------------------------------------------------------------------------------ what is written

    def _our_id(self) -> str | None:
        return self.order.resource_id(self.name) if self.record.capability().takes_our_id("DocumentReference") else None

    def _made(self) -> tuple[Rung, Sheet]:
        """The file: with the picture where that may be and fits, else words alone. Made once in a run."""
        if self._sheet is None:
            rung, content_type = self.terms.for_image(self.image)
            sheet = self._sheet_of(content_type, rung.shows_picture)
            if sheet is None and rung.shows_picture:
                rung, sheet = Rung.TEXT_NOTE, self._sheet_of(self.terms.words_type, False)
            if sheet is None:
                raise RecordRefused("This EHR takes no document of any size.", status=413, code="no-room")
            self._sheet = rung, sheet
        return self._sheet

    def _sheet_of(self, content_type: str, shows_picture: bool) -> Sheet | None:
        clean = self.clean(self.image)
        words = sheet_words(
            self.order, self.image, clean, organisation=self.terms.organisation, shows_picture=shows_picture
        )
        picture = SheetPicture(clean.content, clean.content_type, clean.width, clean.height) if shows_picture else None
        room = copy_room(self.record.capability())
        return self.sheets.made(words, content_type, picture=picture, most=room, reduce=self.terms.reduce)

    def _document(self) -> ChartDocument:
        rung, sheet = self._made()
        order, image = self.order, self.image
        what = "video" if self.clean(image).is_video else "photograph"
        of = (
            "" if is_restricted(list(image.labels)) else f": {site_words(image)}"
        )  # lists of documents are seen by many
        return ChartDocument(
            id=order.resource_id(self.name),
            image_id=image.image_id,
            capture_id=order.capture_id,
            patient=order.patient,
            encounter=order.encounter,
            author=order.user,
            author_display=order.user_display,
            recorded_at=order.recorded_at,
            taken=image.captured,
            title=f"Clinical {what}{of} ({image.image_id})",
            labels=image.labels,
            content=sheet.content,
            content_type=sheet.content_type,
            shows_picture=rung.shows_picture,
        )

    def _evidence(self, stored: Stored) -> Evidence:
        rung, sheet = self._made()
        evidence = {
            "reference": stored.reference,
            "version": stored.version or "",
            "rung": rung.value,
            "content_type": sheet.content_type,
            "digest": self.digest(sheet.content),
            "reduced": "yes" if sheet.reduced else "no",
        }
        self.found.by_role[self.name] = evidence
        return evidence

    # ------------------------------------------------------------------------------------------ what is there

    def looked_at(self) -> Evidence:
        """What the chart holds, compared with what was sent. Raises `ReadBackMismatch`."""
        reference = self.found.reference(self.name)
        if not self.record.capability().may("DocumentReference", "read"):
            return {"binary": "", "kept": "unseen", "labels": "no"}
        try:
            document = self.record.read(*reference.split("/"))
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        if elements.reference_of(document.get("subject")) != self.order.patient:
            raise ReadBackMismatch(f"{reference} names another patient")
        if _in_error(document):
            raise ReadBackMismatch(f"{reference} is marked as entered in error")
        content, binary = self._content_of(document)
        kept = "unseen"
        if content is not None:
            kept = "whole" if content == self._made()[1].content else "changed"
            if kept == "changed" and not self._says_the_same(content):
                raise ReadBackMismatch(f"what {reference} holds is not what was sent")
        labels = set(self.image.labels) <= set(document_labels(document))
        return {"binary": binary, "kept": kept, "labels": "yes" if labels else "no"}

    def _content_of(self, document: Json) -> tuple[bytes | None, str]:
        """The bytes, as far as the chart lets us see them, and the Binary that it made of them."""
        attachment = attachment_of(document)
        if elements.text_of(attachment.get("data")):
            try:
                return inline_content(document), ""
            except MappingError as error:
                raise ReadBackMismatch(f"what the EHR stored cannot be read ({error.code})") from error
        url = elements.text_of(attachment.get("url"))
        named = re.search(r"(?:^|/)(Binary/[A-Za-z0-9.-]{1,64})(?:/_history/.*)?$", url)
        try:
            return self.record.read_binary(url).content if url else None, named[1] if named else ""
        except RecordRefused:
            return None, named[1] if named else ""

    def _says_the_same(self, content: bytes) -> bool:
        """Charts wrap notes anew and clean pages up: the words of a note, and a page's picture, are still there."""
        sent = self._made()[1]
        if sent.content_type == TEXT:
            return _bare(sent.content) in _bare(content)
        if "html" not in sent.content_type:
            return False
        pictures = re.findall(rb'src="data:image/jpeg;base64,([^"]+)"', sent.content)
        named = self.image.image_id.encode() in content
        return named and all(each in b"".join(content.split()) for each in pictures)

    def _ours(self) -> list[Json]:
        """Every document of this patient that is this copy, the oldest first."""
        capability = self.record.capability()
        wanted = {"identifier": f"{systems.CHART_COPY}|{self.order.resource_id(self.name)}"}
        if not capability.searches("DocumentReference", "identifier"):
            wanted = {"patient": str(self.order.patient).rpartition("/")[2]}
            if not capability.searches("DocumentReference", "patient"):
                raise AnswerLost("this server cannot be asked whether the copy was written")
        try:
            found = self.record.search("DocumentReference", wanted)
        except RecordRefused as refused:
            raise AnswerLost("this server would not say whether the copy was written") from refused
        standing = [each for each in found if not _in_error(each)]
        ours = [each for each in standing if self._named(each) == self.order.resource_id(self.name)]
        ours = ours or [each for each in standing if self._holds_this(each)]
        return sorted(ours, key=lambda each: (str(each.get("meta", {}).get("lastUpdated", "")), str(each["id"])))

    def _named(self, document: Json) -> str | None:
        return elements.identifier_in(document, systems.CHART_COPY)

    def _holds_this(self, document: Json) -> bool:
        """Of one that does not say which copy it is. Raises `AnswerLost` for what nobody can look into."""
        if self._named(document) is not None or elements.reference_of(document.get("subject")) != self.order.patient:
            return False
        written = elements.parse_instant(document.get("date"))
        if written is not None and written < self.order.recorded_at.replace(microsecond=0):
            return False  # the EHR had it before
        content, _ = self._content_of(document)
        if content is None:
            raise AnswerLost("something in the chart may be this copy, and this launch may not look into it")
        return content == self._made()[1].content or self._says_the_same(content)


@dataclass
class CopyLookStep:
    """A copy read back. Its evidence: `binary`, what the chart made of its content; `labels`, whether the chart kept
    them; and `kept`: `whole` where it gave back the very bytes, `changed` where it rewrote them and they still say the
    same, `unseen` where it does not let us look. What is not the copy is taken back by the step that wrote it."""

    copy: ChartCopyStep = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.copy.name}-look"

    def happened(self) -> Evidence | None:
        return None  # only looking proves anything

    def do(self) -> Evidence:
        return self.copy.looked_at()

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()


def take_back(record: ClinicalRecord, reference: Reference) -> CopyState:
    """Removes a copy from a chart as far as the EHR lets this app: deleted, else marked as entered in error, else for a
    person to remove. Only looking says which."""
    resource_type, id = reference.split("/")
    capability = record.capability()
    if capability.may(resource_type, "delete"):
        try:
            remains = withdraw(record, reference)
        except (RecordRefused, ReadBackMismatch):
            return CopyState.REMOVE_BY_HAND
        return CopyState.TAKEN_BACK if any("remains" in each for each in remains) else CopyState.GONE
    try:
        document = record.read(resource_type, id)
    except (NotFound, Gone):
        return CopyState.GONE
    except RecordRefused:
        return CopyState.REMOVE_BY_HAND
    if document.get("status") != "entered-in-error" and capability.may(resource_type, "update"):
        try:
            version = str(elements.version_of(document) or "") or None
            record.put({**document, "status": "entered-in-error"}, version=version)
            document = record.read(resource_type, id)
        except RecordRefused:
            return CopyState.REMOVE_BY_HAND
    marked = document.get("status") == "entered-in-error"
    return CopyState.TAKEN_BACK if marked else CopyState.REMOVE_BY_HAND


def _in_error(document: Json) -> bool:
    return "entered-in-error" in (document.get("status"), document.get("docStatus"))


def _stored(document: Json) -> Stored:
    return Stored("DocumentReference", str(document["id"]), str(elements.version_of(document) or "") or None)


def _bare(content: bytes) -> str:
    """The letters of a note without its spaces and line ends."""
    return _UNTOLD.sub("", content.decode("utf-8", "replace"))
