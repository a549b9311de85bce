"""What our profiles must refuse: an example of each, spoilt in one way, and what a validator has to say of it.

Each is valid R4 still: what refuses it is the profile and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
NORMAL: Final = {"system": CONFIDENTIALITY, "code": "N", "display": "normal"}


@dataclass(frozen=True)
class Spoilt:
    """`example`: type and id. `because`: a part of what the validator says, that names the element or the rule."""

    profile: str
    example: str
    how: str
    spoil: Callable[[Json], None]
    because: str

    def of(self, resource: Json) -> Json:
        spoilt = copy.deepcopy(resource)
        self.spoil(spoilt)
        assert spoilt != resource
        return spoilt


def without(*path: str | int) -> Callable[[Json], None]:
    """Takes out what stands at a place."""

    def spoil(resource: Json) -> None:
        holder = _at(resource, path[:-1])
        del holder[path[-1]]

    return spoil


def put(value: object, *path: str | int) -> Callable[[Json], None]:
    """Puts something at a place."""

    def spoil(resource: Json) -> None:
        _at(resource, path[:-1])[path[-1]] = copy.deepcopy(value)

    return spoil


def more(value: object, *path: str | int) -> Callable[[Json], None]:
    """One more in a list, which may not be there yet."""

    def spoil(resource: Json) -> None:
        _at(resource, path[:-1]).setdefault(path[-1], []).append(copy.deepcopy(value))

    return spoil


def _at(resource: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        resource = resource[step]
    return resource


def _no(code: str) -> Callable[[Json], None]:
    """Without the extension of ours of this name."""

    def spoil(resource: Json) -> None:
        kept = [each for each in resource["extension"] if not each["url"].endswith(f":{code}")]
        resource["extension"] = kept

    return spoil


def _no_agent(code: str) -> Callable[[Json], None]:
    def spoil(resource: Json) -> None:
        resource["agent"] = [each for each in resource["agent"] if each["type"]["coding"][0]["code"] != code]

    return spoil


def _no_label(resource: Json) -> None:
    meta = resource["meta"]
    meta["security"] = [each for each in meta["security"] if each["system"] != CONFIDENTIALITY] or [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PHY"}
    ]


def _ended(resource: Json) -> None:
    resource["provision"]["provision"][0]["period"]["end"] = "2027-01-01"


SECURITY, TAG = "meta.security", "meta.tag"

REFUSED: Final = (
    Spoilt("photograph", "Media/photograph", "no label of confidentiality", _no_label, "meta.security:confidentiality"),
    Spoilt(
        "photograph",
        "Media/photograph",
        "two of them",
        more(NORMAL | {"code": "R", "display": "restricted"}, "meta", "security"),
        "meta.security:confidentiality",
    ),
    Spoilt(
        "photograph",
        "Media/photograph",
        "a title that tells what it shows",
        put("Left breast", "content", "title"),
        "Media.content.title",
    ),
    Spoilt(
        "photograph",
        "Media/photograph-inline",
        "bytes in two places",
        put("Binary/bytes", "content", "url"),
        "photograph-bytes",
    ),
    Spoilt(
        "photograph",
        "Media/photograph",
        "nothing to know it again by",
        put("urn:example:other", "identifier", 0, "system"),
        "identifier:image",
    ),
    Spoilt(
        "photograph",
        "Media/video",
        "a modality that no photograph has",
        put({"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}]}, "modality"),
        "modality",
    ),
    Spoilt(
        "photograph-document",
        "DocumentReference/photograph-private",
        "no labels on the document",
        without("securityLabel"),
        "DocumentReference.securityLabel",
    ),
    Spoilt(
        "photograph-document", "DocumentReference/photograph-private", "no site", _no("body-site"), "extension:site"
    ),
    Spoilt(
        "photograph-document",
        "DocumentReference/photograph-private",
        "another type",
        put("11488-4", "type", "coding", 0, "code"),
        "72170-4",
    ),
    Spoilt("chart-copy", "DocumentReference/copy-page", "labels lost", without("meta", "security"), "copy-whole"),
    Spoilt(
        "chart-copy",
        "DocumentReference/copy-page",
        "a literal reference to what is not there",
        put(
            {"reference": "Media/photograph", "identifier": {"system": "urn:fhir-plugin:image", "value": "image-1"}},
            "context",
            "related",
            0,
        ),
        "context.related.reference",
    ),
    Spoilt("chart-copy", "DocumentReference/copy-page", "of no image", without("context", "related"), "copy-whole"),
    Spoilt(
        "chart-copy",
        "DocumentReference/copy-words",
        "a picture itself",
        put("image/jpeg", "content", 0, "attachment", "contentType"),
        "chart-copy-type",
    ),
    Spoilt(
        "consultation-note",
        "DocumentReference/note",
        "no words",
        without("content", 0, "attachment", "data"),
        "content.attachment.data",
    ),
    Spoilt("consultation-note", "DocumentReference/note", "no author", without("author"), "DocumentReference.author"),
    Spoilt(
        "safeguarding-concern",
        "DocumentReference/concern",
        "open to everybody",
        put(NORMAL, "meta", "security", 0),
        "meta.security:restricted",
    ),
    Spoilt(
        "safeguarding-concern", "DocumentReference/concern", "by nobody", without("author"), "DocumentReference.author"
    ),
    Spoilt("photograph-consent", "Consent/given", "nobody says by what right", _no("grantor"), "extension:grantor"),
    Spoilt("photograph-consent", "Consent/given", "a permit that ends", _ended, "consent-permits"),
    Spoilt(
        "photograph-consent",
        "Consent/given",
        "permits, and is not active",
        put("inactive", "status"),
        "consent-in-force",
    ),
    Spoilt(
        "photograph-consent",
        "Consent/given",
        "a rule about nothing of ours",
        without("provision", "provision", 0, "action", 0, "coding", 1),
        "consent-rules",
    ),
    Spoilt(
        "photograph-consent",
        "Consent/taken-back",
        "not asked, and answered",
        more(
            {
                "url": "urn:fhir-plugin:extension:not-asked",
                "valueCoding": {"system": "urn:fhir-plugin:consent-decision", "code": "store"},
            },
            "extension",
        ),
        "consent-one-answer",
    ),
    Spoilt(
        "photograph-decision",
        "QuestionnaireResponse/decision",
        "less than restricted",
        put(NORMAL, "meta", "security", 0),
        "decision-restricted",
    ),
    Spoilt(
        "photograph-decision",
        "QuestionnaireResponse/decision",
        "of another capture's kind",
        put("urn:example:other", "identifier", "system"),
        "QuestionnaireResponse.identifier.system",
    ),
    Spoilt(
        "photograph-request",
        "CommunicationRequest/request",
        "no reason",
        without("reasonCode"),
        "CommunicationRequest.reasonCode",
    ),
    Spoilt(
        "photograph-request",
        "CommunicationRequest/request",
        "a state of its own",
        put("urn:example:other", "statusReason", "coding", 0, "system"),
        "photo-request-state",
    ),
    Spoilt(
        "photograph-request",
        "CommunicationRequest/request",
        "somebody to telephone",
        put([{"reference": "RelatedPerson/father"}], "recipient"),
        "CommunicationRequest.recipient",
    ),
    Spoilt(
        "filing-provenance",
        "Provenance/filed-photograph",
        "no digest of what was received",
        put("urn:example:other", "entity", 0, "what", "identifier", "system"),
        "entity:received",
    ),
    Spoilt(
        "filing-provenance",
        "Provenance/filed-photograph",
        "a digest that is none",
        put("cafe", "entity", 0, "what", "identifier", "value"),
        "filing-digest",
    ),
    Spoilt(
        "filing-provenance",
        "Provenance/filed-photograph",
        "nobody took it",
        _no_agent("performer"),
        "agent:photographer",
    ),
    Spoilt(
        "filing-provenance", "Provenance/filed-photograph", "not signed", without("signature"), "Provenance.signature"
    ),
    Spoilt("label-provenance", "Provenance/labelled", "why is not said", without("reason", 1), "reason:why"),
    Spoilt("label-provenance", "Provenance/labelled", "not signed", without("signature"), "Provenance.signature"),
    Spoilt("label-provenance", "Provenance/labelled", "no labels", without("meta", "security"), "meta.security"),
    Spoilt(
        "hiding-provenance", "Provenance/hide", "why in words", put("She was upset", "reason", 1, "text"), "reason.text"
    ),
    Spoilt(
        "hiding-provenance",
        "Provenance/hide",
        "open to everybody",
        put(NORMAL, "meta", "security", 0),
        "meta.security:restricted",
    ),
    Spoilt("destruction-provenance", "Provenance/destroyed", "nobody decided", _no_agent("verifier"), "agent:verifier"),
    Spoilt(
        "destruction-provenance",
        "Provenance/destroyed",
        "nothing was removed",
        put("source", "entity", 0, "role"),
        "entity.role",
    ),
    Spoilt(
        "disclosure-provenance",
        "Provenance/disclosed",
        "no package",
        put({"reference": "Media/photograph"}, "target", 1),
        "target:package",
    ),
    Spoilt(
        "disclosure-provenance",
        "Provenance/disclosed",
        "not signed by this app",
        put("application/pdf", "signature", 0, "sigFormat"),
        "signature.sigFormat",
    ),
    Spoilt(
        "image-audit-event",
        "AuditEvent/filed",
        "words in it",
        put("Left breast of Amy", "outcomeDesc"),
        "AuditEvent.outcomeDesc",
    ),
    Spoilt("image-audit-event", "AuditEvent/filed", "labels lost", without("meta", "security"), "meta.security"),
    Spoilt(
        "image-audit-event",
        "AuditEvent/opened",
        "a title of the image",
        put("Left breast", "entity", 1, "name"),
        "AuditEvent.entity.name",
    ),
    Spoilt(
        "disclosure-audit-event",
        "AuditEvent/disclosed",
        "by what right is not said",
        without("agent", -1, "role"),
        "agent:destination.role",
    ),
    Spoilt(
        "disclosure-audit-event",
        "AuditEvent/disclosed",
        "of no package",
        put("urn:example:other", "entity", 2, "what", "identifier", "system"),
        "entity:package",
    ),
    Spoilt(
        "destruction-audit-event",
        "AuditEvent/destroyed",
        "what became of it is not said",
        put(
            {
                "system": "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle",
                "code": "6",
                "display": "Access / Use",
            },
            "entity",
            1,
            "lifecycle",
        ),
        "destruction-lifecycle",
    ),
    Spoilt(
        "destruction-audit-event",
        "AuditEvent/deleted",
        "why it was sensitive",
        put([NORMAL], "entity", 1, "securityLabel"),
        "entity.securityLabel",
    ),
    Spoilt("deletion-request", "Task/deletion", "for no patient", without("for"), "Task.for"),
    Spoilt(
        "deletion-request",
        "Task/deletion",
        "words that somebody typed",
        put([{"text": "Amy telephoned"}], "note"),
        "Task.note",
    ),
    Spoilt("deletion-of-image", "Task/deletion-done", "nobody decided", without("owner"), "deletion-decided"),
    Spoilt(
        "deletion-of-image",
        "Task/deletion-done",
        "completed and not proven",
        put("not-proven", "output", 0, "valueCode"),
        "deletion-proof",
    ),
    Spoilt("deletion-of-image", "Task/deletion-waiting", "no image", without("focus"), "Task.focus"),
    Spoilt(
        "hidden-photograph",
        "Media/hidden",
        "the site is still there",
        put({"text": "Breast"}, "bodySite"),
        "Media.bodySite",
    ),
    Spoilt(
        "hidden-photograph",
        "Media/hidden",
        "the bytes are still there",
        put("Binary/bytes", "content", "url"),
        "hidden-nothing-there",
    ),
    Spoilt(
        "hidden-photograph",
        "Media/hidden-empty",
        "open to everybody",
        put(NORMAL, "meta", "security", 0),
        "hidden-restricted",
    ),
    Spoilt(
        "hidden-photograph-document",
        "DocumentReference/hidden",
        "the words are still there",
        put("Rash", "description"),
        "DocumentReference.description",
    ),
    Spoilt(
        "hidden-photograph-document",
        "DocumentReference/hidden",
        "not said to be masked",
        without("meta", "security", 1),
        "meta.security",
    ),
    Spoilt("destroyed-photograph", "Media/destroyed", "it still counts", put("completed", "status"), "Media.status"),
    Spoilt(
        "destroyed-photograph",
        "Media/destroyed",
        "its identifier is still there",
        put([{"system": "urn:fhir-plugin:image", "value": "image-1"}], "identifier"),
        "Media.identifier",
    ),
    Spoilt(
        "destroyed-photograph-document",
        "DocumentReference/destroyed",
        "the bytes are still there",
        put("Binary/bytes", "content", 0, "attachment", "url"),
        "content.attachment.url",
    ),
    Spoilt(
        "destroyed-photograph-document",
        "DocumentReference/destroyed",
        "when is still there",
        put("2026-11-20T09:30:00Z", "date"),
        "DocumentReference.date",
    ),
)
