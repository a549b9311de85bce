"""Where a chart that takes no images and our register of copies in it disagree, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_plugin.delete.disagreement import Finding, Kind, Known
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.ledger.copies_in_charts import InChart, looked_at
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import FhirBase, PatientId
from mappings.model.writeback import ChartCopy, CopyState
from mappings.r4.chart_copy import copied_image
from mappings.r4.tombstone import ENTERED_IN_ERROR, is_tombstone


def copy_findings(
    parts: DeleteParts,
    record: ClinicalRecord,
    known: Known,
    base: FhirBase,
    patient: PatientId,
    there: Mapping[str, Json],
) -> Iterator[Finding]:
    """`there`: what the record shows, by its reference. What this launch may not look at is no disagreement."""
    copies = parts.copies.of_patient(base, patient)
    for copy in copies:
        if copy.document is not None:
            kind = _wrong(parts, record, known, copy)
            if kind is not None:
                yield Finding(kind, copy.document, base, patient, mendable=kind is Kind.COPY_GONE)
    ours = documents_of(copies)
    for name, resource in sorted(there.items()):
        if name in ours or resource.get("resourceType") != "DocumentReference" or is_tombstone(resource):
            continue
        if copied_image(resource) is not None and resource.get("status") != ENTERED_IN_ERROR:
            yield Finding(Kind.COPY_WITHOUT_REGISTER, name, base, patient)


def documents_of(copies: list[ChartCopy]) -> frozenset[str]:
    """What in the record is a copy of ours, and no image."""
    return frozenset(str(each.document) for each in copies if each.document is not None)


def _wrong(parts: DeleteParts, record: ClinicalRecord, known: Known, copy: ChartCopy) -> Kind | None:
    found = looked_at(record, copy)
    if found is InChart.GONE:
        waits = copy.state is CopyState.TAKEN_BACK and _is_hidden(parts, copy)  # it comes back with its image
        return None if copy.state is CopyState.GONE or waits else Kind.COPY_GONE
    if found is not InChart.SHOWN or copy.state is CopyState.REMOVE_BY_HAND:  # a person knows of it
        return None
    if copy.state is CopyState.GONE or known.destroying(copy.fhir_base, copy.image):
        return Kind.COPY_SHOWS
    if _is_hidden(parts, copy) and copy.state is CopyState.IN_CHART:
        return Kind.COPY_SHOWS
    return None


def _is_hidden(parts: DeleteParts, copy: ChartCopy) -> bool:
    return copy.image in parts.hidden.references(copy.fhir_base, copy.patient)
