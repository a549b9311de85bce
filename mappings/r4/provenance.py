"""Provenance: who filed an image, who took it, with what software, from what, and the signature (R4, shapes B4)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mappings.model.filing import LabelledImage
from mappings.model.identifiers import CaptureId, Reference, Sha256
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.statement import STATEMENTS, statement_extension, statement_in
from mappings.terminology import systems
from mappings.terminology.photographs import PHOTOGRAPHER_WORDS

SOFTWARE_NAME: Final = "fhir-plugin"
VERIFICATION_SIGNATURE: Final = ("1.2.840.10065.1.12.1.5", "Verification Signature")


class RestsOn(Enum):
    """What a filing rests on, named by our identifier: the value is the capture's id, wherever a server put it."""

    CONSENT = ("Consent", systems.CONSENT)
    DECISION = ("QuestionnaireResponse", systems.DECISION)


_RELATED: Final = frozenset({Photographer.PARENT, Photographer.FAMILY_CARER})


@dataclass(frozen=True)
class RecordedProvenance:
    """What a Provenance of ours says. `statement` and `jws` go to the signer together; either may be None."""

    id: str | None
    targets: tuple[Reference, ...]
    labels: tuple[Label, ...]
    recorded: dt.datetime | None
    author: Reference | None
    photographer: Photographer | None
    arrival: Arrival | None
    policy_version: str | None
    software_version: str | None
    sha256_received: Sha256 | None
    grounds: tuple[RestsOn, ...]
    """Those of its own capture that it names."""
    statement: Json | None = field(repr=False)
    jws: str | None = field(repr=False)


def to_provenance(
    labelled: LabelledImage,
    *,
    targets: Sequence[Reference],
    software_version: str,
    statement: Json | None = None,
    jws: str | None = None,
    photographer: Reference | None = None,
    grounds: Sequence[RestsOn] = (),
    id: str | None = None,
) -> Json:
    """The Provenance of one image and of what was written with it (`targets`: the image first, then consent, note).

    `photographer` is who took it, where the record has a resource for them; the patient and the clinician are
    named without. `grounds`: what else of this capture it rests on, and therefore names. The digest of the bytes as
    received stands in `entity.what.identifier`: this resource carries the labels of the image, and no other place in
    the record has it. With `jws`, `statement` is what it covers. Raises `NotMappable` for an instant without an offset.
    """
    recorded = elements.instant(labelled.recorded_at)
    provenance: Json = {"resourceType": "Provenance"}
    if id is not None:
        provenance["id"] = id
    provenance["meta"] = elements.meta(labelled.labels, labelled.capture_id)
    provenance["target"] = [elements.reference(target) for target in targets]
    provenance["recorded"] = recorded
    provenance["policy"] = [elements.policy_uri(labelled.policy_version)]
    provenance["reason"] = [elements.concept(systems.ACT_REASON, "TREAT", "treatment")]
    provenance["activity"] = elements.concept(systems.DATA_OPERATION, "CREATE", "create")
    provenance["agent"] = [
        {"type": _agent_type("author", "Author"), "who": elements.reference(labelled.recorded_by)},
        _photographer_agent(labelled, photographer),
        {"type": _agent_type("assembler", "Assembler"), "who": software(software_version)},
    ]
    provenance["entity"] = [
        {
            "extension": [{"url": systems.ARRIVAL_EXTENSION, "valueCode": labelled.arrival.value}],
            "role": "source",
            "what": {
                "identifier": {"system": systems.RECEIVED_SHA256, "value": labelled.image.sha256_received},
                "display": "The image as it was received",
            },
        },
        *(_ground(each, labelled.capture_id) for each in grounds),
    ]
    if statement is not None and jws is not None:
        provenance["signature"] = [signature(statement, jws, recorded, software_version)]
    return provenance


def from_provenance(json: object) -> RecordedProvenance:
    """Any Provenance; what is not there or cannot be read is None or empty. Raises `NotReadable` for another type."""
    provenance = elements.resource_of_type(json, "Provenance")
    agents = list(elements.objects_of(provenance.get("agent")))
    entities = list(elements.objects_of(provenance.get("entity")))
    policies = provenance.get("policy")
    ours = our_signature(provenance)
    return RecordedProvenance(
        id=elements.text_of(provenance.get("id")) or None,
        targets=tuple(
            target
            for each in elements.objects_of(provenance.get("target"))
            if (target := elements.reference_of(each)) is not None
        ),
        labels=elements.labels_of(provenance),
        recorded=elements.parse_instant(provenance.get("recorded")),
        author=next((elements.reference_of(agent.get("who")) for agent in _of_type(agents, "author")), None),
        photographer=_photographer_in(agents),
        arrival=_arrival_in(entities),
        policy_version=next(
            (
                version
                for uri in (policies if isinstance(policies, list) else [])
                if (version := elements.policy_version_in(uri)) is not None
            ),
            None,
        ),
        software_version=next(
            (
                version
                for agent in _of_type(agents, "assembler")
                if (version := elements.identifier_in(elements.object_of(agent.get("who")), systems.SOFTWARE))
            ),
            None,
        ),
        sha256_received=_received_in(entities),
        grounds=_grounds_in(entities, elements.capture_of(provenance)),
        statement=statement_in(ours) if ours is not None else None,
        jws=jws_in(ours) if ours is not None else None,
    )


def _ground(ground: RestsOn, capture_id: CaptureId) -> Json:
    resource_type, system = ground.value
    return {"role": "source", "what": {"type": resource_type, "identifier": {"system": system, "value": capture_id}}}


def software(version: str) -> Json:
    """This software as a logical reference to a device: EHRs keep no Device resource for an app."""
    return {"type": "Device", "identifier": {"system": systems.SOFTWARE, "value": version}, "display": SOFTWARE_NAME}


def _agent_type(code: str, display: str) -> Json:
    return elements.concept(systems.PARTICIPANT_TYPE, code, display)


def _photographer_agent(labelled: LabelledImage, known: Reference | None) -> Json:
    who = labelled.photographer
    words = PHOTOGRAPHER_WORDS[who]
    if who is Photographer.PATIENT:
        person = elements.reference(labelled.patient)
    elif who is Photographer.CLINICIAN:
        person = elements.reference(labelled.recorded_by)
    elif known is not None:
        person = elements.reference(known, words)
    else:
        person = {"display": words}
    agent: Json = {
        "type": _agent_type("performer", "Performer"),
        "role": [elements.concept(systems.PHOTOGRAPHER, who.value, words)],
        "who": person,
    }
    if who in _RELATED:
        agent["onBehalfOf"] = elements.reference(labelled.patient)
    return agent


def signature(statement: Json, jws: str, when: str, software_version: str) -> Json:
    """R4 Signature over a statement of ours: `jws` is the detached JWS, `when` an R4 instant."""
    return signed_over(statement_extension(statement), jws, when, software_version)


def signed_over(extension: Json, jws: str, when: str, software_version: str) -> Json:
    """R4 Signature beside which `extension` holds what `jws`, the detached JWS, covers; `when`: an R4 instant."""
    return {
        "extension": [extension],
        "type": [elements.coding(systems.SIGNATURE_TYPE, *VERIFICATION_SIGNATURE)],
        "when": when,
        "who": software(software_version),
        "targetFormat": "application/json",
        "sigFormat": "application/jose",
        "data": base64.b64encode(jws.encode("ascii")).decode("ascii"),
    }


def our_signature(provenance: Json) -> Json | None:
    """The one signature beside which a statement of ours stands; None where there is none, or more than one."""
    signatures = list(elements.objects_of(provenance.get("signature")))
    ours = [each for each in signatures if any(any(elements.extensions_of(each, url)) for url in STATEMENTS.values())]
    return ours[0] if len(ours) == 1 else None


def jws_in(signature: Json) -> str | None:
    """The detached JWS of a signature of ours; None where it is no base64, or empty."""
    try:
        text = base64.b64decode(elements.text_of(signature.get("data")), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return text or None


def _of_type(agents: list[Json], code: str) -> list[Json]:
    return [agent for agent in agents if elements.code_in(agent.get("type"), systems.PARTICIPANT_TYPE) == code]


def _photographer_in(agents: list[Json]) -> Photographer | None:
    for agent in _of_type(agents, "performer"):
        code = elements.code_in(agent.get("role"), systems.PHOTOGRAPHER)
        if code in set(Photographer):
            return Photographer(code)
    return None


def _arrival_in(entities: list[Json]) -> Arrival | None:
    for entity in entities:
        for extension in elements.extensions_of(entity, systems.ARRIVAL_EXTENSION):
            code = elements.text_of(extension.get("valueCode"))
            if code in set(Arrival):
                return Arrival(code)
    return None


def _grounds_in(entities: list[Json], capture_id: CaptureId | None) -> tuple[RestsOn, ...]:
    whats = [elements.object_of(entity.get("what")) for entity in entities]
    return tuple(
        ground
        for ground in RestsOn
        if capture_id is not None and any(elements.identifier_in(what, ground.value[1]) == capture_id for what in whats)
    )


def _received_in(entities: list[Json]) -> Sha256 | None:
    for entity in entities:
        what = elements.object_of(entity.get("what"))
        value = elements.identifier_in(what, systems.RECEIVED_SHA256)
        if value is not None:
            return Sha256(value)
    return None
