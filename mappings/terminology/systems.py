"""The URIs of code, identifier and tag systems, each with its owner.

Our own are `urn:fhir-plugin:...`: stable, tied to no host that could lapse or change hands, and legal
wherever R4 asks for a uri. They never equal a Bundle `fullUrl`, which servers rewrite.
"""

from __future__ import annotations

from typing import Final

# HL7 terminology (terminology.hl7.org) and FHIR R4
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
DATA_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
MEDIA_TYPE: Final = "http://terminology.hl7.org/CodeSystem/media-type"
MEDIA_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/media-category"
"""What THO later called MEDIA_TYPE: read, never written."""
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_ACTION: Final = "http://terminology.hl7.org/CodeSystem/consentaction"
PARTICIPANT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
AUDIT_EVENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
AUDIT_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
DICOM_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle"
ROLE_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
ISO_21089_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
SECURITY_SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
RESTFUL_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
DATA_ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
DATA_ABSENT_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

R5_ATTACHMENT_HEIGHT: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Attachment.height"
R5_ATTACHMENT_WIDTH: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Attachment.width"
R5_ATTACHMENT_DURATION: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Attachment.duration"
"""R5's elements as extensions of R4, by the rule of R5 versions.html (extension-Type.element)."""

# Others
SNOMED_CT: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
SIGNATURE_TYPE: Final = "urn:iso-astm:E1762-95:2013"
"""ASTM E1762-95, as R4 Signature.type asks."""
NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
SDS_JOB_ROLE_NAME: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName"
SDS_JOB_ROLE_CODE: Final = frozenset(
    {
        "https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode",
        "https://fhir.nhs.uk/CodeSystem/England-SDS-JobRoleCode",
    }
)
"""NHS England's successors of SDS_JOB_ROLE_NAME: codes such as S0030:G0100:R0620, the job role being the last part."""

# Identifiers and tags of this project
IMAGE: Final = "urn:fhir-plugin:image"
"""Identifier of one image, on its Media or DocumentReference: how we recognise our own."""
CAPTURE: Final = "urn:fhir-plugin:capture"
"""Tag on everything that one capture wrote."""
CONSENT: Final = "urn:fhir-plugin:consent"
"""Identifier of the Consent of one capture; the value is the capture's id."""
NOTE: Final = "urn:fhir-plugin:note"
"""Identifier of the note of one capture; the value is the capture's id."""
DECISION: Final = "urn:fhir-plugin:decision"
"""Identifier of the QuestionnaireResponse that says how one capture was decided; the value is the capture's id."""
CONCERN: Final = "urn:fhir-plugin:concern"
"""Identifier of the note of one safeguarding concern; the value is the concern's id."""
PHOTO_REQUEST: Final = "urn:fhir-plugin:photo-request"
"""Identifier of one request to a patient for photographs; the value is the request's id."""
PHOTO_REQUEST_STATE: Final = "urn:fhir-plugin:photo-request-state"
"""Our word for where such a request stands."""
SOFTWARE: Final = "urn:fhir-plugin:software"
"""Identifier of this software as a device; the value is its version."""
RECEIVED_SHA256: Final = "urn:fhir-plugin:sha256-received"
"""Identifier of an image as it was received: its SHA-256. Only in a Provenance that carries the image's labels."""
DISCLOSURE: Final = "urn:fhir-plugin:disclosure"
"""Identifier of one release of a record, and of the package that was made for it."""
PACKAGE_SHA256: Final = "urn:fhir-plugin:sha256-package"
"""Identifier of a package as it was sent: the SHA-256 of the ZIP."""
DELETION: Final = "urn:fhir-plugin:deletion"
"""Identifier of one request for permanent deletion, on its parent Task; groups the Tasks of its images."""
DELETION_ITEM: Final = "urn:fhir-plugin:deletion-item"
"""Identifier of one image of such a request, on its own Task."""
DESTROYED: Final = "urn:fhir-plugin:destroyed"
"""Identifier of what is in the record no more: the reference that it had, with its version where it had one."""
KEYED_DIGEST: Final = "urn:fhir-plugin:keyed-digest"
"""Identifier of bytes by a digest under a key of this installation: it matches, and says nothing without the key."""
POLICY_PREFIX: Final = "urn:fhir-plugin:policy:"
"""Followed by the percent-encoded version of the policy that was applied."""

# Codes of this project
PHOTOGRAPHER: Final = "urn:fhir-plugin:photographer"
CONSENT_DECISION: Final = "urn:fhir-plugin:consent-decision"
CONSENT_FORM: Final = "urn:fhir-plugin:consent-form"
GRANTOR: Final = "urn:fhir-plugin:grantor"
LEGAL_BASIS: Final = "urn:fhir-plugin:legal-basis"
CHILD_VIEW: Final = "urn:fhir-plugin:child-view"
PURPOSE: Final = "urn:fhir-plugin:purpose"
"""Purposes of use that v3-PurposeOfUse has no code for."""
LABEL_REASON: Final = "urn:fhir-plugin:label-reason"
"""Why the label of an image was changed."""
REQUESTER: Final = "urn:fhir-plugin:requester"
"""By what right somebody asked for a record: `mappings.model.disclosure.Requester`."""
DELETION_TASK: Final = "urn:fhir-plugin:deletion-task"
"""What a Task of ours asks for, and what its inputs and outputs are."""
DELETION_STEP: Final = "urn:fhir-plugin:deletion-step"
"""How far a permanent deletion has come: Task.businessStatus."""
DELETION_WHY: Final = "urn:fhir-plugin:deletion-why"
"""Why one stands where it does: Task.statusReason."""
DELETION_REASON: Final = "urn:fhir-plugin:deletion-reason"
"""`mappings.model.deletion.DeletionReason`."""
TOMBSTONE: Final = "urn:fhir-plugin:tombstone"
"""Tag of what was put over an image that is permanently deleted."""
AUDIT_ACTION: Final = "urn:fhir-plugin:audit-action"
ACT: Final = "urn:fhir-plugin:act"
"""Tag of an AuditEvent that belongs to no capture."""

# Extensions of this project
SHOW_ONLINE_EXTENSION: Final = "urn:fhir-plugin:extension:show-in-online-record"
ARRIVAL_EXTENSION: Final = "urn:fhir-plugin:extension:arrival"
POLICY_EXTENSION: Final = "urn:fhir-plugin:extension:policy-version"
NOT_ASKED_EXTENSION: Final = "urn:fhir-plugin:extension:not-asked"
CONSENT_FORM_EXTENSION: Final = "urn:fhir-plugin:extension:consent-form"
GRANTOR_EXTENSION: Final = "urn:fhir-plugin:extension:grantor"
EXPLAINED_EXTENSION: Final = "urn:fhir-plugin:extension:explained"
LEGAL_BASIS_EXTENSION: Final = "urn:fhir-plugin:extension:legal-basis"
WITHDRAWN_EXTENSION: Final = "urn:fhir-plugin:extension:withdrawn"
DECIDED_BY_EXTENSION: Final = "urn:fhir-plugin:extension:decided-by"
ALSO_ASKED_EXTENSION: Final = "urn:fhir-plugin:extension:also-asked"
EARLIER_DECISION_EXTENSION: Final = "urn:fhir-plugin:extension:earlier-decision"
RECORDED_BY_EXTENSION: Final = "urn:fhir-plugin:extension:recorded-by"
BODY_SITE_EXTENSION: Final = "urn:fhir-plugin:extension:body-site"
STATEMENT_EXTENSION: Final = "urn:fhir-plugin:extension:signed-statement"
LABEL_STATEMENT_EXTENSION: Final = "urn:fhir-plugin:extension:signed-label-statement"
DISCLOSURE_STATEMENT_EXTENSION: Final = "urn:fhir-plugin:extension:signed-disclosure"
DESTRUCTION_STATEMENT_EXTENSION: Final = "urn:fhir-plugin:extension:signed-destruction"

# Questionnaires of this project
DECISION_QUESTIONNAIRE: Final = "urn:fhir-plugin:questionnaire:photograph-decision"
