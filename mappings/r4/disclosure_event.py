"""A release in the record: the AuditEvent that says it happened, the Provenance that vouches for the package (R4).

The AuditEvent has the codes of IHE BALP 1.1.4, "Privacy Disclosure at Source": DICOM 110106 Export with ISO 21089
`disclose`, source and destination as agents. It does not claim that profile, which wants network addresses: a package
that a person hands over has none. It says by what right somebody asked, never who by name; that stays with us, sealed.

The Provenance carries our signature of a statement: of which package, made of which images, decided as signed by whom.
"""

from __future__ import annotations

import base64
from typing import Final

from mappings.model.disclosed import Disclosed
from mappings.model.disclosure import Requester
from mappings.model.identifiers import Reference
from mappings.model.labels import NORMAL
from mappings.r4 import elements
from mappings.r4.audit_event import AuditedObject, copied_labels, to_audit_event
from mappings.r4.elements import Json
from mappings.r4.provenance import VERIFICATION_SIGNATURE, jws_in, software
from mappings.terminology import audit, systems
from mappings.terminology.audit import Lifecycle, Operation, Outcome

ACTION: Final = "disclosure.sent"
STATEMENT_VERSION: Final = "1"

_TEXTS: Final = (
    "version",
    "disclosure",
    "patient",
    "requester",
    "purpose",
    "sha256_package",
    "sha256_manifest",
    "decided",
    "policy_version",
)
_LISTS: Final = ("signer", "image")
_THEMSELVES: Final = frozenset({Requester.PATIENT})


def to_disclosure_event(sent: Disclosed, *, act: str, software_version: str, id: str | None = None) -> Json:
    """The AuditEvent of one release, labelled as the images that it names. `act`: what it is found by (`act_in`).

    Raises `NotMappable` for an instant without an offset.
    """
    patient = Reference(f"Patient/{sent.patient}")
    first, *others = sent.signed_by
    event = to_audit_event(
        action=ACTION,
        operation=Operation.READ,
        at=sent.at,
        user=first,
        patient=patient,
        objects=[AuditedObject(each.reference, each.labels, Lifecycle.DISCLOSURE) for each in sent.images],
        purpose=sent.purpose,
        outcome=Outcome.SUCCESS,
        software_version=software_version,
        also=others,
        act=act,
        id=id,
    )
    event["type"] = elements.coding(systems.DICOM, *audit.EXPORT)
    event["subtype"].insert(0, elements.coding(systems.ISO_21089_LIFECYCLE, *audit.DISCLOSE))
    event["agent"][-1]["type"] = elements.concept(systems.DICOM, *audit.SOURCE_ROLE)
    recipient: Json = {
        "type": elements.concept(systems.DICOM, *audit.DESTINATION_ROLE),
        "role": [elements.concept(systems.REQUESTER, sent.requester.value)],
    }
    if sent.requester in _THEMSELVES:
        recipient["who"] = elements.reference(patient)
    event["agent"].append({**recipient, "requestor": False})
    event["entity"][1:1] = [
        _named(systems.DISCLOSURE, sent.id, audit.JOB_ROLE),
        _named(systems.PACKAGE_SHA256, sent.package, audit.REPORT_ROLE),
    ]
    return event


def to_disclosure_provenance(
    sent: Disclosed, *, act: str, software_version: str, jws: str, id: str | None = None
) -> Json:
    """The Provenance of one package, over `disclosure_statement(sent)`, which `jws` signs.

    Its targets are the patient, without whom nobody who may see this patient's record alone could read it back, and the
    package, which no record holds, by our identifier. Raises `NotMappable` for an instant without an offset.
    """
    recorded = elements.instant(sent.at)
    labels = elements.merged_labels(copied_labels(each.labels) for each in sent.images) or (NORMAL,)
    provenance: Json = {"resourceType": "Provenance"}
    if id is not None:
        provenance["id"] = id
    provenance["meta"] = {
        "security": elements.security(labels),
        "tag": [elements.coding(systems.ACT, act)],
    }
    provenance["target"] = [
        elements.reference(Reference(f"Patient/{sent.patient}")),
        {
            "identifier": {"system": systems.DISCLOSURE, "value": sent.id},
            "display": "The package that was sent",
        },
    ]
    provenance["recorded"] = recorded
    provenance["policy"] = [elements.policy_uri(sent.policy_version)]
    provenance["reason"] = [
        elements.concept(systems.ACT_REASON, sent.purpose, audit.PURPOSE_DISPLAYS.get(sent.purpose))
    ]
    provenance["activity"] = elements.concept(systems.ISO_21089_LIFECYCLE, *audit.DISCLOSE)
    first, *others = sent.signed_by
    provenance["agent"] = [
        {"type": _participant("author", "Author"), "who": elements.reference(first)},
        *({"type": _participant("verifier", "Verifier"), "who": elements.reference(each)} for each in others),
        {"type": _participant("assembler", "Assembler"), "who": software(software_version)},
    ]
    provenance["entity"] = [
        {"role": "source", "what": elements.reference(each)}
        for each in (Reference(f"Patient/{sent.patient}"), *(image.reference for image in sent.images))
    ]
    provenance["signature"] = [
        {
            "extension": [_statement_extension(disclosure_statement(sent))],
            "type": [elements.coding(systems.SIGNATURE_TYPE, *VERIFICATION_SIGNATURE)],
            "when": recorded,
            "who": software(software_version),
            "targetFormat": "application/json",
            "sigFormat": "application/jose",
            "data": base64.b64encode(jws.encode("ascii")).decode("ascii"),
        }
    ]
    return provenance


def disclosure_statement(sent: Disclosed) -> Json:
    """What our signature covers: always the same keys; lists in order of signing, and of references.

    Changing a key or a meaning needs a new `version`.
    """
    return {
        "version": STATEMENT_VERSION,
        "disclosure": sent.id,
        "patient": f"Patient/{sent.patient}",
        "requester": sent.requester.value,
        "purpose": sent.purpose,
        "sha256_package": sent.package,
        "sha256_manifest": sent.manifest,
        "decided": sent.decided,
        "policy_version": elements.string(sent.policy_version),
        "signer": list(sent.signed_by),
        "image": sorted(each.reference for each in sent.images),
    }


def signed_disclosure_in(provenance: Json) -> tuple[Json, str] | None:
    """The statement and the JWS of a Provenance of ours about a package, exactly as signed; None where it has none
    that is whole. A part that is there twice makes it unreadable: nobody could say which one was signed."""
    for signature in elements.objects_of(provenance.get("signature")):
        found = list(elements.extensions_of(signature, systems.DISCLOSURE_STATEMENT_EXTENSION))
        if len(found) != 1:
            continue
        statement, jws = _statement_of(found[0]), jws_in(signature)
        if statement is not None and jws is not None:
            return statement, jws
    return None


def images_sent_in(event: Json) -> frozenset[Reference]:
    """What an AuditEvent of a release says went out: everything that it names as disclosed."""
    return frozenset(
        what
        for entity in elements.objects_of(event.get("entity"))
        if elements.object_of(entity.get("lifecycle")).get("code") == Lifecycle.DISCLOSURE
        and (what := elements.reference_of(entity.get("what"))) is not None
    )


def disclosure_in(event: Json) -> str | None:
    """Our identifier of the release that an AuditEvent speaks of; None where it is another app's, or no release."""
    for entity in elements.objects_of(event.get("entity")):
        value = elements.identifier_in(elements.object_of(entity.get("what")), systems.DISCLOSURE)
        if value is not None:
            return value
    return None


def _named(system: str, value: str, role: tuple[str, str]) -> Json:
    return {
        "what": {"identifier": {"system": system, "value": value}},
        "type": elements.coding(systems.AUDIT_ENTITY_TYPE, *audit.SYSTEM_OBJECT),
        "role": elements.coding(systems.OBJECT_ROLE, *role),
    }


def _participant(code: str, display: str) -> Json:
    return elements.concept(systems.PARTICIPANT_TYPE, code, display)


def _statement_extension(statement: Json) -> Json:
    """All strings: no server rewrites a reference in it."""
    parts: list[Json] = [{"url": key, "valueString": statement[key]} for key in _TEXTS]
    parts.extend({"url": key, "valueString": value} for key in _LISTS for value in statement[key])
    return {"url": systems.DISCLOSURE_STATEMENT_EXTENSION, "extension": parts}


def _statement_of(extension: Json) -> Json | None:
    read: Json = {**dict.fromkeys(_TEXTS), **{key: [] for key in _LISTS}}
    for part in elements.objects_of(extension.get("extension")):
        key, value = part.get("url"), part.get("valueString")
        if not isinstance(value, str):
            return None
        if key in _LISTS:
            read[key].append(value)
        elif key in _TEXTS and read[key] is None:
            read[key] = value
        else:
            return None
    return None if any(read[key] is None for key in _TEXTS) else read
