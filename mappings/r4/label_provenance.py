"""Provenance of a change of label: who changed it, why, who agreed, and the signature over what it says from now on.

R4 Provenance with activity v3-ActCode `LABEL` and reason v3-ActReason `LABELING`. It carries the labels of before and
after together: that an image was once labelled otherwise is as private as the label.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelReason, together
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.provenance import from_provenance, our_signature, signature, software
from mappings.terminology import systems
from mappings.terminology.label_changes import REASON_WORDS
from mappings.terminology.labels import UNREADABLE

LABEL: Final = ("LABEL", "assign security label")


@dataclass(frozen=True)
class LabelChange:
    """One change of the label of one image, as it is signed and written."""

    target: Reference
    patient: Reference
    image: str | None
    before: tuple[Label, ...] = field(repr=False)
    after: tuple[Label, ...] = field(repr=False)
    reason: LabelReason
    words: str = field(repr=False)
    at: dt.datetime
    by: Reference
    by_name: str = field(repr=False)
    second: Reference | None
    """Who agreed, where a second person had to."""
    second_name: str = field(repr=False)
    policy_version: str


@dataclass(frozen=True)
class RecordedLabelChange:
    """What a Provenance says about a change of label. `labels`: what was signed; None where nothing readable was."""

    reference: Reference
    targets: tuple[Reference, ...]
    at: dt.datetime | None
    by: Reference | None
    by_name: str = field(repr=False)
    second_name: str = field(repr=False)
    reason: LabelReason | None
    words: str = field(repr=False)
    labels: tuple[Label, ...] | None = field(repr=False)
    statement: Json | None = field(repr=False)
    jws: str | None = field(repr=False)


def to_label_provenance(
    change: LabelChange, *, statement: Json, jws: str, software_version: str, act: str, id: str | None = None
) -> Json:
    """The Provenance of one change. `act` is its tag: how it is found again where the server chooses ids.

    Raises `NotMappable` for an instant without an offset, or a label that cannot be written.
    """
    recorded = elements.instant(change.at)
    provenance: Json = {"resourceType": "Provenance"}
    if id is not None:
        provenance["id"] = id
    labels = [label for label in together(change.after, change.before) if label != UNREADABLE]
    provenance["meta"] = {"security": elements.security(labels), "tag": [elements.coding(systems.ACT, act)]}
    provenance["target"] = [elements.reference(change.target)]
    provenance["recorded"] = recorded
    provenance["policy"] = [elements.policy_uri(change.policy_version)]
    coding = elements.coding(systems.LABEL_REASON, change.reason.value, REASON_WORDS[change.reason])
    why: Json = {"coding": [coding]}
    if said := elements.string(change.words).strip():
        why["text"] = said
    provenance["reason"] = [elements.concept(systems.ACT_REASON, "LABELING", "labeling"), why]
    provenance["activity"] = elements.concept(systems.ACT_CODE, *LABEL)
    provenance["agent"] = [
        _agent("author", "Author", elements.reference(change.by, elements.string(change.by_name).strip() or None)),
    ]
    if change.second is not None:
        who = elements.reference(change.second, elements.string(change.second_name).strip() or None)
        provenance["agent"].append(_agent("verifier", "Verifier", who))
    provenance["agent"].append(_agent("assembler", "Assembler", software(software_version)))
    provenance["signature"] = [signature(statement, jws, recorded, software_version)]
    return provenance


def from_label_provenance(json: object) -> RecordedLabelChange:
    """What a Provenance says of the label of its target: of a change, or of the filing itself.

    Whether the signature holds is for who has the key to say. Raises `NotReadable` for another type or a missing id.
    """
    provenance = elements.resource_of_type(json, "Provenance")
    read = from_provenance(provenance)
    agents = list(elements.objects_of(provenance.get("agent")))
    code = elements.code_in(provenance.get("reason"), systems.LABEL_REASON)
    words = [
        elements.text_of(each.get("text"))
        for each in elements.objects_of(provenance.get("reason"))
        if elements.code_in(each, systems.LABEL_REASON)
    ]
    return RecordedLabelChange(
        reference=Reference(f"Provenance/{elements.id_of(provenance)}"),
        targets=read.targets,
        at=read.recorded,
        by=read.author,
        by_name=_name_of(agents, "author"),
        second_name=_name_of(agents, "verifier"),
        reason=LabelReason(code) if code in set(LabelReason) else None,
        words=next((each for each in words if each), ""),
        labels=_signed_labels(read.statement),
        statement=read.statement if our_signature(provenance) is not None else None,
        jws=read.jws,
    )


def _signed_labels(statement: Json | None) -> tuple[Label, ...] | None:
    if statement is None:
        return None
    parts = [str(each).rpartition("|") for each in statement["labels"]]
    return tuple(Label(system, code) for system, _, code in parts)


def _agent(code: str, display: str, who: Json) -> Json:
    return {"type": elements.concept(systems.PARTICIPANT_TYPE, code, display), "who": who}


def _name_of(agents: list[Json], code: str) -> str:
    for agent in agents:
        if elements.code_in(agent.get("type"), systems.PARTICIPANT_TYPE) == code:
            return elements.text_of(elements.object_of(agent.get("who")).get("display"))
    return ""
