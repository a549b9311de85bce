"""What was sent before: for the desk ("already sent to 3"), and for the patient, who may be told (G-R255, UK GDPR 15).

Our own rows say it, with names; the AuditEvents of the record say it, too, also of releases that other apps made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.send.parts import SendParts
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.disclosure import Requester
from mappings.model.disclosure_request import DisclosureRequest, RequestState
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession
from mappings.r4 import elements
from mappings.r4.audit_event import from_audit_event
from mappings.r4.disclosure_event import disclosure_in, images_sent_in
from mappings.terminology import audit, systems

LOOK_FIRST: Final = frozenset({Requester.POLICE, Requester.SAFEGUARDING})
"""Data Protection Act 2018, Schedule 2, paragraph 2 (crime), and Schedule 3, paragraph 5 (serious harm)."""
ANOTHER_APP: Final = "Another app sent this; it is told in the record only."
PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TREAT": "For treatment",
        "ETREAT": "For treatment in an emergency",
        "COC": "So that care goes on elsewhere",
        "CAREMGT": "To manage care",
        "BTG": "In an emergency, past the usual limits",
        "PATRQT": "The patient asked for it",
        "FAMRQT": "The family asked for it",
        "PWATRNY": "Asked for under a power of attorney",
        "SUPNWK": "For those who support the patient",
        "PUBHLTH": "For public health",
        "THREAT": "Because of a threat to public health",
        "DISASTER": "Because of a disaster",
        "HRESCH": "For research",
        "CLINTRCH": "For research in a clinical trial",
        "CLINTRL": "For treatment in a clinical trial",
        "TRAIN": "For teaching and training",
        "HLEGAL": "For legal purposes",
        "HPAYMT": "For payment",
        "COVERAGE": "For an insurer",
        "HOPERAT": "To run the health service",
        "HQUALIMP": "To improve the quality of care",
        "PATSFTY": "For the safety of patients",
        "RECORDMGT": "To look after records",
        "LABELING": "To label what the record holds",
        "HMARKT": "For marketing",
        "HTEST": "To test a system",
    }
)
"""Purposes of use (v3-ActReason) in words for the patient."""


@dataclass(frozen=True)
class Earlier:
    """One earlier release of an image. `same_bytes`: found by what it shows, under another reference."""

    on: dt.datetime
    recipient: str = field(repr=False)
    title: str
    request: str
    same_bytes: bool = False


@dataclass(frozen=True)
class Told:
    """One release, as the patient may be told of it. `event`: where the record says so."""

    on: dt.datetime
    recipient: str = field(repr=False)
    title: str
    right: str
    purpose: str
    items: int
    images: int
    signed_by: tuple[str, ...] = field(repr=False)
    event: Reference | None = None
    look_first: bool = False
    """Somebody has to decide whether the patient is told: it could warn a suspect, or put somebody in danger."""


def earlier(
    requests: Iterable[DisclosureRequest], rules: Rules, image: Reference, *, digests: Collection[str] = ()
) -> list[Earlier]:
    """The releases of one image among a patient's requests, newest first: by its reference, or by the keyed digests of
    its bytes, for the same picture may have been filed twice."""
    mine = frozenset(digests)
    found = []
    for request in requests:
        package = request.package
        if request.state is not RequestState.SENT or package is None:
            continue
        by_reference = image in package.images
        by_bytes = any(mine & set(each.split()) for each in package.digests.values())
        if by_reference or by_bytes:
            title = rules.rows[request.requester].title
            found.append(Earlier(package.at, request.recipient, title, request.id, by_bytes and not by_reference))
    return sorted(found, key=lambda each: each.on, reverse=True)


def accounting(parts: SendParts, rules: Rules, session: ClinicalSession) -> list[Told]:
    """Every release of this patient's record that we or the record know of, newest first.

    Where the record cannot be searched for it, ours alone. Raises what reading the record raises.
    """
    requests = parts.requests.of_patient(session.fhir_base, session.patient_id)
    ours = [_told(each, rules) for each in requests if each.state is RequestState.SENT and each.package is not None]
    known = {each.id for each in requests}
    theirs = [
        _in_the_record(event)
        for event in _events(parts.records(session.launch_id), session)
        if disclosure_in(event) not in known and from_audit_event(event).at is not None
    ]
    return sorted((*ours, *theirs), key=lambda each: each.on, reverse=True)


def _told(request: DisclosureRequest, rules: Rules) -> Told:
    assert request.package is not None, "only of what was sent"
    row = rules.rows[request.requester]
    signed = [each for each in (request.first, request.second) if each is not None]
    return Told(
        on=request.package.at,
        recipient=request.recipient,
        title=row.title,
        right=row.right,
        purpose=request.purpose,  # the right says the rest; a code tells nobody anything
        items=request.package.counts.get("release", 0),
        images=len(request.package.images),
        signed_by=tuple(each.by_name for each in signed),
        event=request.package.event,
        look_first=request.requester in LOOK_FIRST,
    )


def _events(record: ClinicalRecord, session: ClinicalSession) -> Sequence[Json]:
    try:
        found = record.search(
            "AuditEvent",
            {"patient": session.patient_id, "type": f"{systems.DICOM}|{audit.EXPORT[0]}"},
        )
    except RecordRefused:
        return []
    return [each for each in found if _is_release(each, session)]


def _is_release(event: Json, session: ClinicalSession) -> bool:
    """What a server found is not believed: some return everything."""
    kind = elements.object_of(event.get("type"))
    exported = (kind.get("system"), kind.get("code")) == (systems.DICOM, audit.EXPORT[0])
    return exported and from_audit_event(event).patient == f"Patient/{session.patient_id}"


def _purpose(code: str | None) -> str:
    """A code that nobody here knows stands behind words: who reads it can ask for it."""
    if code is None:
        return ""
    return PURPOSES.get(code, f"For a purpose that this app has no words for ({code})")


def _in_the_record(event: Json) -> Told:
    read = from_audit_event(event)
    assert read.at is not None, "looked at before"
    return Told(
        on=read.at,
        recipient="",
        title=ANOTHER_APP,
        right="",
        purpose=_purpose(read.purpose),
        items=len(read.objects),
        images=len([each for each in images_sent_in(event) if each.startswith(("Media/", "DocumentReference/"))]),
        signed_by=(),
        event=Reference(f"AuditEvent/{event['id']}") if isinstance(event.get("id"), str) else None,
    )
