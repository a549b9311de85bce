"""An image whose chart takes no images: the whole of it is kept by this app, and the chart has copies of it.

A copy is destroyed with its image and with nothing else. What the EHR does not take out is a person's, and is not
proven while anybody can read it. Where the image itself was never at the EHR, the EHR's silence about it says nothing,
and is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_plugin.delete.bound import contents_of
from fhir_plugin.delete.destroying import Destroying, Stop
from fhir_plugin.delete.hidden_kept import forget_hidden_copy
from fhir_plugin.delete.looking import Sought, named
from fhir_plugin.delete.needles import Needles, needles_of
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.record_places import RecordPlaces
from fhir_plugin.errors import Gone, NotFound, RecordRefused, RecordUnavailable
from fhir_plugin.ledger.copies_in_charts import in_charts, is_emptied, stands, state_of, take_out
from fhir_plugin.ledger.copies_in_charts import looked_at as look_at_copy
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, RecordPurge
from mappings.model.deletion import BoundImage, DeletionCase, DeletionItem
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.writeback import ChartCopy, CopyState

PLACE: Final = "chart-copies"
BY_HAND: Final = "copy-by-hand"
"""Nobody but a person can say whether it is gone."""
_UNSEEN: Final = frozenset({"may-not-look", "forbidden", "type-not-supported"})
"""Where this launch is shown nothing, a person's word that it is gone is all there is."""


def kept_beside(parts: DeleteParts, fhir_base: FhirBase, image: Reference) -> bool:
    """Whether the whole image is kept by this app, and its chart has, or had, copies at most."""
    return bool(parts.copies.of_image(fhir_base, image))


def only_here(record: ClinicalRecord, resource_type: str) -> bool:
    """Whether this EHR takes no resources of this type: what we keep beside it was never there."""
    return not record.capability().holds(resource_type)


def copies(doing: Destroying) -> Evidence:
    """Every copy in the chart: deleted and purged, written over or marked; else a person has to take it out."""
    parts, intent, image = doing.parts, doing.intent, doing.may_destroy().image.reference
    told: dict[str, str] = {}
    for copy in parts.copies.of_image(intent.fhir_base, image):
        doing.may_destroy()
        state = _out(doing, copy)
        with parts.work.transaction():
            if copy.document is not None:
                forget_hidden_copy(parts, intent.fhir_base, copy.document)
            stands(parts, copy, state, by=intent.user)
        told[worded(copy)] = state.value
    emptied = [PLACE] if told and all(each == CopyState.GONE for each in told.values()) else []
    return {**told, **doing.emptied(emptied)}


def not_shared(doing: Destroying) -> None:
    """Raises `Stop` where a document shows another image as well, about which nobody has decided."""
    intent, image = doing.intent, doing.now()[1].image.reference
    for copy in in_charts(doing.parts.copies.of_image(intent.fhir_base, image)):
        if copy.document is None:
            continue
        if any(each.image != image for each in doing.parts.copies.of_document(intent.fhir_base, copy.document)):
            raise Stop("A document of the chart shows another image as well.", code="bytes-shared")


def with_copies(doing: Destroying, needles: Needles) -> Needles:
    """By what each copy can be known again as a whole. Of its parts nothing: every copy has the same letters."""
    parts, intent, image = doing.parts, doing.intent, doing.now()[1].image.reference
    found: list[bytes] = []
    for copy in in_charts(parts.copies.of_image(intent.fhir_base, image)):
        try:
            if copy.document is not None:
                resource = doing.record.read(*copy.document.split("/"))
                found += [each.content for each in contents_of(doing.record, resource)]
        except RecordRefused:
            continue
    whole = needles_of(found, {}, parts.vault)
    return replace(
        needles,
        sizes=needles.sizes | whole.sizes,
        digests=needles.digests | whole.digests,
        marks=needles.marks | whole.marks,
    )


def worded(copy: ChartCopy) -> str:
    """How evidence and proof name it."""
    return copy.document or f"export {copy.id}"


@dataclass(frozen=True)
class CopyPlaces:
    """The places of an image's copies in one record."""

    parts: DeleteParts = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    purge: RecordPurge = field(repr=False)
    case: DeletionCase = field(repr=False)
    item: DeletionItem = field(repr=False)
    needles: Needles | None = field(repr=False)

    def looks(self) -> Mapping[str, Callable[[], Iterator[str]]]:
        """One place; none where no chart ever had a copy."""
        return {PLACE: self._look} if self._copies() else {}

    def _copies(self) -> list[ChartCopy]:
        return self.parts.copies.of_image(self.case.fhir_base, self.item.image.reference)

    def _look(self) -> Iterator[str]:
        """Every copy is looked at before it is said that one could not be."""
        unasked: RecordRefused | RecordUnavailable | None = None
        for copy in self._copies():
            if copy.document is None:
                if copy.state is not CopyState.GONE:
                    unasked = RecordRefused("a file was made of it to be filed by hand", status=403, code=BY_HAND)
                continue
            try:
                yield from self._of(copy.document, copy)
            except (RecordRefused, RecordUnavailable) as refused:
                gone = copy.state is CopyState.GONE and refused.code in _UNSEEN
                if not gone:
                    unasked = unasked or refused
        if unasked is not None:
            raise unasked

    def _of(self, document: Reference, copy: ChartCopy) -> Iterator[str]:
        image = BoundImage(document, "", "", (copy.binary,) if copy.binary else ())
        sought = Sought(image, self.needles, self.parts.vault.keyed_digest)
        there = RecordPlaces(self.record, self.purge, self.case.patient, image, self.needles, sought)
        nothing = self._emptied(document)
        for found in there.addresses():
            if found != nothing:
                yield found

    def _emptied(self, document: Reference) -> str:
        """The version that shows our notice and nothing else; empty where none does."""
        try:
            resource = self.record.read(*document.split("/"))
        except RecordRefused:
            return ""
        return named(resource) if is_emptied(resource) else ""


# ------------------------------------------------------------------------------------------ inside


def _out(doing: Destroying, copy: ChartCopy) -> CopyState:
    state = take_out(doing.record, copy)
    if copy.document is None:
        return state
    for reference in (copy.binary, copy.document):
        if reference is not None and state is not CopyState.REMOVE_BY_HAND:
            try:
                doing.purge.purge(reference)
            except RecordRefused:
                continue  # the proof says what remains
    return state_of(replace(copy, state=state), look_at_copy(doing.record, copy))


def versions_of(record: ClinicalRecord, purge: RecordPurge, reference: Reference, *, beside: bool) -> Mapping[str, Any]:
    """Every version that anybody knows of; of what was never at the EHR, ours alone where the EHR does not answer."""
    try:
        return purge.versions(reference)
    except RecordRefused:
        if not beside or not only_here(record, reference.split("/")[0]):
            raise
    try:
        return {str(number): each for number, each in enumerate(record.history(*reference.split("/")))}
    except (NotFound, Gone, RecordRefused):
        return {}
