"""Provenance of hiding an image and of putting it back: who, why as a code, and our signature (R4, shapes B4).

Content-free: what somebody wrote about why stays with us. Hiding is v3-ActCode `MASK`; what was filed in a wrong chart
is nullified (v3-DataOperation `NULLIFY`), what comes back is an `UPDATE`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mappings.model.hiding import HidingReason
from mappings.model.identifiers import Reference
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.provenance import jws_in, signed_over, software
from mappings.terminology import systems

STATEMENT_VERSION: Final = "hiding-1"
_TEXTS: Final = ("version", "target", "patient", "act", "reason", "at", "by", "keyed_digest", "policy_version")


class HidingAct(StrEnum):
    """What was done."""

    HIDE = "hide"
    WRONG_PATIENT = "wrong-patient"
    RESTORE = "restore"


_ACTIVITY: Final = {
    HidingAct.HIDE: (systems.ACT_CODE, "MASK", "mask"),
    HidingAct.WRONG_PATIENT: (systems.DATA_OPERATION, "NULLIFY", "nullify"),
    HidingAct.RESTORE: (systems.DATA_OPERATION, "UPDATE", "revise"),
}


@dataclass(frozen=True)
class HidingTold:
    """One act, as it is signed and written. `digest`: keyed, of the bytes that were taken out or put back."""

    target: Reference
    patient: Reference
    act: HidingAct
    reason: HidingReason
    at: dt.datetime
    by: Reference
    by_name: str = field(repr=False)
    digest: str
    policy_version: str


def hiding_statement(told: HidingTold) -> Json:
    """What our signature covers: always the same keys, all strings. Changing a key or a meaning needs a new version."""
    return {
        "version": STATEMENT_VERSION,
        "target": told.target,
        "patient": told.patient,
        "act": told.act.value,
        "reason": told.reason.value,
        "at": elements.instant(told.at),
        "by": told.by,
        "keyed_digest": told.digest,
        "policy_version": elements.string(told.policy_version),
    }


def to_hiding_provenance(
    told: HidingTold, *, statement: Json, jws: str, software_version: str, act: str, id: str | None = None
) -> Json:
    """`act` is its tag: how it is found again where the server chooses ids. Raises `NotMappable` for an instant
    without an offset."""
    recorded = elements.instant(told.at)
    provenance: Json = {"resourceType": "Provenance"}
    if id is not None:
        provenance["id"] = id
    provenance["meta"] = {
        "security": elements.security((RESTRICTED,)),
        "tag": [elements.coding(systems.ACT, act)],
    }
    provenance["target"] = [elements.reference(told.target)]
    provenance["recorded"] = recorded
    provenance["policy"] = [elements.policy_uri(told.policy_version)]
    provenance["reason"] = [
        elements.concept(systems.ACT_REASON, "METAMGT", "metadata management"),
        elements.concept(systems.HIDING_REASON, told.reason.value),
    ]
    provenance["activity"] = elements.concept(*_ACTIVITY[told.act])
    who = elements.reference(told.by, elements.string(told.by_name).strip() or None)
    provenance["agent"] = [
        {"type": elements.concept(systems.PARTICIPANT_TYPE, "author", "Author"), "who": who},
        {
            "type": elements.concept(systems.PARTICIPANT_TYPE, "assembler", "Assembler"),
            "who": software(software_version),
        },
    ]
    parts = [{"url": key, "valueString": statement[key]} for key in _TEXTS if statement[key]]
    extension = {"url": systems.HIDING_STATEMENT_EXTENSION, "extension": parts}
    provenance["signature"] = [signed_over(extension, jws, recorded, software_version)]
    return provenance


def signed_hiding_in(provenance: Json) -> tuple[Json, str] | None:
    """The statement and the JWS of a Provenance of ours about hiding, exactly as signed; None where it has none that is
    whole. A part that is there twice makes it unreadable: nobody could say which one was signed."""
    for each in elements.objects_of(provenance.get("signature")):
        found = list(elements.extensions_of(each, systems.HIDING_STATEMENT_EXTENSION))
        if len(found) != 1:
            continue
        statement, jws = _statement_of(found[0]), jws_in(each)
        if statement is not None and jws is not None:
            return statement, jws
    return None


def _statement_of(extension: Json) -> Json | None:
    read: Json = dict.fromkeys(_TEXTS)
    for part in elements.objects_of(extension.get("extension")):
        key, value = part.get("url"), part.get("valueString")
        if key not in _TEXTS or not isinstance(value, str) or read[key] is not None:
            return None
        read[key] = value
    read["keyed_digest"] = read["keyed_digest"] or ""
    return None if any(read[key] is None for key in _TEXTS) else read
