"""Names for the strings that must never be swapped for one another."""

from typing import NewType

CaptureId = NewType("CaptureId", str)
"""One set of up to ten images that share their answers and one receipt. Ours, random."""

ImageId = NewType("ImageId", str)
"""One image of a capture. Ours, random; becomes the client-assigned id where a server takes one."""

LaunchId = NewType("LaunchId", str)
"""One launch from an EHR: one user, one patient, one issuer. Never reused."""

PatientId = NewType("PatientId", str)
"""The logical id of Patient at the EHR (`Patient.id`), as the launch context gave it."""

FhirBase = NewType("FhirBase", str)
"""The FHIR base URL of an EHR without a trailing slash: with PatientId it names one person's record."""

Sha256 = NewType("Sha256", str)
"""64 lower-case hexadecimal digits."""

VaultId = NewType("VaultId", str)
"""One encrypted item in the vault."""

IntentId = NewType("IntentId", str)
"""One intended effect in the ledger."""

Reference = NewType("Reference", str)
"""A literal FHIR reference `Type/id`, relative to the record it was read from."""

WorkId = NewType("WorkId", str)
"""One item of the worklist. Ours, random."""

RequestId = NewType("RequestId", str)
"""One request to a patient for pictures. Ours, random; never in a link."""

OpinionId = NewType("OpinionId", str)
"""One second opinion that somebody asks for. Ours, random; says nothing about the patient."""
