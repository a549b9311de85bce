"""The single acts of a change of label. Each can be asked of the world whether it happened; see `ledger.intents`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch, RecordRefused, VersionConflict
from fhir_plugin.keep.label_order import LabelOrder
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import ClinicalRecord, Json, StatementSigner
from mappings.model.identifiers import Reference
from mappings.model.label_change import at_least_as_strict, covers, together, weaker_levels
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.errors import MappingError
from mappings.r4.label_provenance import from_label_provenance
from mappings.r4.relabelled import labels_of_image, relabelled

CANNOT_LOWER = (
    "This EHR's server adds labels and never takes one away, so the label stays as strict as it was. Whoever runs the "
    "server can take it away there."
)

CHANGED_SINCE = "Somebody has labelled this picture otherwise since. Look at it again."


@dataclass
class ImageLabelStep:
    """The labels of the image itself: over the version that was read, read back, and where a server only ever adds to
    them, what has to go is taken away by its own operation.

    A raise goes on top of whatever is there by now; a lowering stops where somebody has labelled it otherwise since. A
    raise is not undone.
    """

    order: LabelOrder
    record: ClinicalRecord = field(repr=False)
    name: str = "image"

    def happened(self) -> Evidence | None:
        resource = self._read()
        return _evidence(resource) if self._is_so(resource) else None

    def do(self) -> Evidence:
        resource = self._put()
        surplus = self._surplus(resource)
        if surplus and self._takes_away():
            self.record.remove_labels(self.order.reference, elements.security(surplus))
            resource = self._read()
        if self._is_so(resource):
            return _evidence(resource)
        if self.order.lowers:
            raise RecordRefused(CANNOT_LOWER, status=422, code="label-not-lowered")
        raise ReadBackMismatch(f"{self.order.reference} has not kept the label that was written", code="label-lost")

    def undo(self, evidence: Evidence) -> Sequence[str]:
        """A lowering is taken back; what was raised stays raised."""
        if not self.order.lowers:
            return (f"{self.order.reference} keeps its stricter label",)
        before = self.order.change.before
        for tries_left in reversed(range(TRIES)):
            resource = self._read()
            now = labels_of_image(resource)
            if at_least_as_strict(now, before):
                break
            with contextlib.suppress(VersionConflict):
                self.record.put(relabelled(resource, together(before, now)), version=elements.version_of(resource))
                break
            if not tries_left:
                raise VersionConflict(f"{self.order.reference} changes all the time", status=412)
        beside = [each for each in weaker_levels(elements.labels_of(self._read())) if each not in before]
        if beside and self._takes_away():
            self.record.remove_labels(self.order.reference, elements.security(beside))
        if not at_least_as_strict(labels_of_image(self._read()), before):
            raise ReadBackMismatch(f"{self.order.reference} has not got its label back", code="label-lost")
        return ()

    # ------------------------------------------------------------------------------------------ inside

    def _put(self) -> Json:
        resource_type = self.order.reference.split("/")[0]
        for tries_left in reversed(range(TRIES)):
            resource = self._read()
            if self._is_so(resource):
                return resource
            if self.order.lowers:
                self._still_as_asked(resource)
            if not self.record.capability_of(self.order.reference).may(resource_type, "update"):
                raise RecordRefused(
                    f"This EHR lets nobody change a {resource_type} from here.", status=405, code="label-not-taken"
                )
            after = self.order.change.after
            wanted = after if self.order.lowers else together(after, labels_of_image(resource))
            try:
                self.record.put(relabelled(resource, wanted), version=elements.version_of(resource))
                break
            except VersionConflict:
                if not tries_left:
                    raise
        return self._read()

    def _still_as_asked(self, resource: Json) -> None:
        """A label that is neither one of those before nor of those after is somebody's who has looked since."""
        change = self.order.change
        known = {*change.before, *change.after, *self.order.on_server}
        if not set(labels_of_image(resource)) <= known:
            raise RecordRefused(CHANGED_SINCE, status=409, code="label-changed")

    def _is_so(self, resource: Json) -> bool:
        now, after = labels_of_image(resource), self.order.change.after
        if self.order.lowers:
            return set(now) == set(after)
        return covers(now, after) and not (weaker_levels(now) and self._takes_away())

    def _surplus(self, resource: Json) -> tuple[Label, ...]:
        """What a server that only ever adds has left there, and has to go."""
        now = elements.labels_of(resource)
        extra = now if self.order.lowers else weaker_levels(now)
        return tuple(label for label in extra if label not in self.order.change.after and _writable(label))

    def _takes_away(self) -> bool:
        reference = self.order.reference
        return self.record.capability_of(reference).changes_labels(reference.split("/")[0], remove=True)

    def _read(self) -> Json:
        return self.record.read(*self.order.reference.split("/"))


@dataclass
class BytesLabelStep:
    """The labels of the Binary that holds the bytes, where the server has an operation for that: it is never written
    anew. Elsewhere its security context, which is the image, says the same."""

    order: LabelOrder
    record: ClinicalRecord = field(repr=False)
    binaries: Callable[[], Sequence[Reference]] = field(repr=False)
    name: str = "bytes"

    def happened(self) -> Evidence | None:
        return None  # sets of labels: doing it again changes nothing

    def do(self) -> Evidence:
        if not self.record.capability().changes_labels("Binary", remove=False):
            return {"how": "security-context"}
        change = self.order.change
        gone = [label for label in change.before if label not in change.after and _writable(label)]
        try:
            for reference in self.binaries():
                self.record.add_labels(reference, elements.security([each for each in change.after if _writable(each)]))
                if gone and self.order.lowers:
                    self.record.remove_labels(reference, elements.security(gone))
        except RecordRefused:
            return {"how": "refused"}
        return {"how": "labelled"}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        if evidence.get("how") != "security-context" and self.order.lowers:
            before = [each for each in self.order.change.before if _writable(each)]
            with contextlib.suppress(RecordRefused):
                for reference in self.binaries():
                    self.record.add_labels(reference, elements.security(before))
        return ()


@dataclass
class VerifyLabelStep:
    """Read back through the image's own address: its labels, and the statement with its signature."""

    order: LabelOrder
    record: ClinicalRecord = field(repr=False)
    signer: StatementSigner = field(repr=False)
    provenance: Callable[[], Reference] = field(repr=False)
    name: str = "verify"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        order = self.order
        try:
            resource = self.record.read(*order.reference.split("/"))
            told = from_label_provenance(self.record.read(*self.provenance().split("/")))
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        except MappingError as error:
            raise ReadBackMismatch(f"what the EHR stored cannot be read ({error.code})") from error
        now = labels_of_image(resource)
        if not covers(now, order.change.after) or (order.lowers and set(now) != set(order.change.after)):
            raise ReadBackMismatch(f"{order.reference} has not kept its label", code="label-lost")
        holds = told.statement is not None and told.jws == order.jws and order.reference in told.targets
        if not holds or not self.signer.verify(told.statement or {}, order.jws):
            raise ReadBackMismatch(f"the signature in {told.reference} does not verify")
        return _evidence(resource)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()


def _writable(label: Label) -> bool:
    try:
        elements.security([label])
    except MappingError:
        return False
    return True


def _evidence(resource: Json) -> Evidence:
    reference = f"{resource['resourceType']}/{resource['id']}"
    return {"reference": reference, "version": elements.version_of(resource) or ""}
