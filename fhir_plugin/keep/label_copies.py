"""Copies of an image in a chart that takes no images, when its label changes.

The copy says the label as far as the EHR keeps labels. A page that shows a picture which has become sensitive is taken
out of the chart, where policy gives such a chart words alone (`chart_copy.sensitive`): the whole image is in this app.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fhir_plugin.keep.label_order import LabelOrder
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ledger.copies_in_charts import in_charts, relabel, stands, take_out
from fhir_plugin.ledger.intents import Evidence, Intent
from fhir_plugin.ports import ClinicalRecord
from mappings.model.identifiers import Reference
from mappings.model.labels import Label, is_restricted
from mappings.model.writeback import ChartCopy, CopyState


@dataclass
class CopiesLabelStep:
    """Each copy in the chart. That an EHR keeps no labels is told, and stops nothing: the register is the truth."""

    order: LabelOrder
    parts: KeepParts = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    intent: Intent
    name: str = "copies"

    def happened(self) -> Evidence | None:
        return None  # each looks before it acts

    def do(self) -> Evidence:
        image = Reference(self.order.reference)
        copies = in_charts(self.parts.copies.of_image(self.intent.fhir_base, image))
        return {each.id: self._one(each, self.order.change.after) for each in copies}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        for each in in_charts(self.parts.copies.of_image(self.intent.fhir_base, Reference(self.order.reference))):
            if evidence.get(each.id) == "labelled" and self.order.lowers:
                relabel(self.record, each, self.order.change.before)
        return ()

    def _one(self, copy: ChartCopy, labels: Sequence[Label]) -> str:
        if copy.state is not CopyState.IN_CHART:
            return copy.state.value
        shows_too_much = copy.rung.shows_picture and is_restricted(list(labels))
        if shows_too_much and not self.order.lowers and self.parts.policy.chart_copy_words_only:
            state = take_out(self.record, copy)
            with self.parts.work.transaction():
                return stands(self.parts, copy, state, by=self.intent.user).state.value
        return "labelled" if relabel(self.record, copy, labels) else "no-labels-kept"
