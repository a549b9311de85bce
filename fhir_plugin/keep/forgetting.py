"""What looking again holds of an image, destroyed with it: copies for second opinions, orders for labels, a video that
is being watched. Every part joins the open transaction, says how many there were, and may be done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fhir_plugin.keep.label_order import untold_under
from fhir_plugin.keep.opinion import OpinionState, SecondOpinions
from fhir_plugin.keep.opinion_course import OpinionCourse
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ports import Compartment
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.work import WorkKind

_CLOSED = "It was closed: the picture has been permanently deleted."


@dataclass(frozen=True)
class KeptElsewhere:
    """`gallery_forgets`: takes what is being watched of an image out of memory."""

    parts: KeepParts
    opinions: SecondOpinions
    gallery_forgets: Callable[[Reference], None]

    def end_opinions(self, fhir_base: FhirBase, patient: PatientId, image: BoundImage) -> int:
        """Second opinions about it end, with their copies. What the colleague answered is theirs and stays."""
        course, gone = OpinionCourse(self.parts, self.opinions), 0
        for each in self.opinions.of_patient(fhir_base, patient):
            if each.image != image.reference:
                continue
            opinion = self.opinions.get(each.id, for_change=True)
            if opinion.live:
                course.end(opinion, OpinionState.STOPPED, by=None, because=_CLOSED)
                gone += 1
            for copy in self.parts.vault.items(compartment=Compartment.OPINION, owner=opinion.id):
                self.parts.vault.destroy(copy.vault_id)
                gone += 1
        return gone

    def end_orders(self, fhir_base: FhirBase, patient: PatientId, image: BoundImage) -> int:
        """What somebody wanted to do with it: changes of its label that wait, and the questions about them."""
        parts, reference = self.parts, image.reference
        self.gallery_forgets(reference)
        orders = parts.vault.items(compartment=Compartment.DRAFT, owner=untold_under(fhir_base, reference))
        for item in parts.worklist.of_patient(fhir_base, patient):
            if item.kind is WorkKind.SECOND_PERSON and item.subject == reference:
                orders += parts.vault.items(compartment=Compartment.DRAFT, owner=item.id)
                held = parts.worklist.get(item.id, for_change=True)
                parts.worklist.save(replace(held, done_at=parts.clock.now(), words="", outcome="destroyed"))
        for order in orders:
            parts.vault.destroy(order.vault_id)
        return len(orders)
