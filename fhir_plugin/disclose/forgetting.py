"""What disclosing holds of an image, destroyed with it: packages that wait to be fetched, and what was read for them.

While a request is open nothing of the patient is destroyed at all: it holds everything. What went out is not called
back; that it went out stays written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.pictures import cuts_of
from fhir_plugin.disclose.send.parts import SendParts
from fhir_plugin.disclose.send.spool import forget, intent_of
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.deletion import BoundImage
from mappings.model.disclosure_request import DisclosureRequest, MadePackage
from mappings.model.identifiers import FhirBase, PatientId


@dataclass(frozen=True)
class Packages:
    parts: SendParts

    def destroy(self, fhir_base: FhirBase, patient: PatientId, image: BoundImage) -> int:
        """Every whole package with this image, or with its bytes under another name, and whatever ended requests have
        left. Joins the open transaction; safe twice."""
        gone = 0
        for request in self.parts.requests.of_patient(fhir_base, patient):
            if request.is_open:
                continue
            gathered.forget(self.parts.vault, request.id)
            for cut in self.parts.vault.items(compartment=Compartment.PACKAGE_PART, owner=cuts_of(request.id)):
                self.parts.vault.destroy(cut.vault_id)
            package = request.package
            if package is not None and package.vault_id is not None and _holds(package, image):
                self._destroy(request, package)
                gone += 1
        return gone

    def _destroy(self, request: DisclosureRequest, package: MadePackage) -> None:
        parts = self.parts
        for item in parts.vault.items(compartment=Compartment.PACKAGE_PART):
            if item.vault_id == package.vault_id:
                forget(parts.vault, intent_of(item))
        fresh = parts.requests.get(request.id, for_change=True)
        if fresh.package is not None:
            kept = replace(fresh.package, vault_id=None)
            parts.requests.save(replace(fresh, revision=fresh.revision + 1, package=kept))
        parts.audit.append(
            AuditEntry(
                action="disclosure.package-destroyed",
                actor="system",
                patient=f"Patient/{request.patient}",
                subject=request.id,
                policy=parts.policy.reference,
                detail={"because": "image-destroyed", "package": package.sha256},
            )
        )


def _holds(package: MadePackage, image: BoundImage) -> bool:
    digests = set(image.digest.split())
    return image.reference in package.images or any(digests & set(each.split()) for each in package.digests.values())
