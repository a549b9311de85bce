"""A request for permanent deletion, or a certificate, as JSON to be sealed: everything that its row does not say."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mappings.model.deletion import (
    Attested,
    BoundImage,
    CaseId,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    Happened,
    ItemId,
    Looked,
    Principle,
    Proof,
    Signed,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId

Json = dict[str, Any]


def case_to_json(case: DeletionCase) -> Json:
    """What is sealed."""
    return {
        "due": case.due.isoformat(),
        "reason": case.reason.value,
        "items": [_item(each) for each in case.items],
        "requested_by": case.requested_by,
        "requested_by_name": case.requested_by_name,
        "words": case.words,
        "described": case.described,
        "gmc_looked_at": case.gmc_looked_at,
        "instead": case.instead,
        "policy": case.policy,
        "patient_name": case.patient_name,
        "nhs_number": case.nhs_number,
        "asked_by_patient": _day(case.asked_by_patient),
        "reply_due": _day(case.reply_due),
        "replied": _moment(case.replied),
        "seen_by": list(case.seen_by),
        "attested": [_attested(each) for each in case.attested],
        "deceased": case.deceased,
    }


def case_from_json(
    words: Json, *, id: CaseId, fhir_base: FhirBase, patient: PatientId, revision: int, created: dt.datetime
) -> DeletionCase:
    """The request, from what was sealed and what stood in the clear."""
    return DeletionCase(
        id=id,
        fhir_base=fhir_base,
        patient=patient,
        revision=revision,
        created=created,
        due=dt.date.fromisoformat(words["due"]),
        reason=DeletionReason(words["reason"]),
        items=tuple(_read_item(each) for each in words["items"]),
        requested_by=Reference(words["requested_by"]),
        requested_by_name=words["requested_by_name"],
        words=words["words"],
        described=words["described"],
        gmc_looked_at=words["gmc_looked_at"],
        instead=words["instead"],
        policy=words["policy"],
        patient_name=words["patient_name"],
        nhs_number=words["nhs_number"],
        asked_by_patient=_read_day(words["asked_by_patient"]),
        reply_due=_read_day(words["reply_due"]),
        replied=_read_moment(words["replied"]),
        seen_by=tuple(words["seen_by"]),
        attested=tuple(_read_attested(each) for each in words["attested"]),
        deceased=words["deceased"],
    )


def _item(item: DeletionItem) -> Json:
    return {
        "id": item.id,
        "image": {
            "reference": item.image.reference,
            "version": item.image.version,
            "digest": item.image.digest,
            "binaries": list(item.image.binaries),
        },
        "state": item.state.value,
        "title": item.title,
        "picture": item.picture,
        "held_from": item.held_from.value if item.held_from else None,
        "approval": _signed(item.approval),
        "cosigned": _signed(item.cosigned),
        "rejection": _signed(item.rejection),
        "expires": _moment(item.expires),
        "why": item.why,
        "why_before": item.why_before,
        "purged": list(item.purged),
        "proof": _proof(item.proof),
        "look_again": _moment(item.look_again),
        "certificate": item.certificate,
        "task": item.task,
        "timeline": [_happened(each) for each in item.timeline],
    }


def _read_item(words: Json) -> DeletionItem:
    image = words["image"]
    return DeletionItem(
        id=ItemId(words["id"]),
        image=BoundImage(
            reference=Reference(image["reference"]),
            version=image["version"],
            digest=image["digest"],
            binaries=tuple(map(Reference, image["binaries"])),
        ),
        state=DeletionState(words["state"]),
        title=words["title"],
        picture=VaultId(words["picture"]) if words["picture"] else None,
        held_from=DeletionState(words["held_from"]) if words["held_from"] else None,
        approval=_read_signed(words["approval"]),
        cosigned=_read_signed(words["cosigned"]),
        rejection=_read_signed(words["rejection"]),
        expires=_read_moment(words["expires"]),
        why=words["why"],
        why_before=words["why_before"],
        purged=tuple(words["purged"]),
        proof=_read_proof(words["proof"]),
        look_again=_read_moment(words["look_again"]),
        certificate=CertificateNumber(words["certificate"]) if words["certificate"] else None,
        task=Reference(words["task"]) if words["task"] else None,
        timeline=tuple(_read_happened(each) for each in words["timeline"]),
    )


def _signed(signed: Signed | None) -> Json | None:
    if signed is None:
        return None
    return {
        "by": signed.by,
        "by_name": signed.by_name,
        "at": signed.at.isoformat(),
        "principles": sorted(each.value for each in signed.principles),
        "words": signed.words,
        "login": signed.login,
    }


def _read_signed(words: Json | None) -> Signed | None:
    if words is None:
        return None
    return Signed(
        by=Reference(words["by"]),
        by_name=words["by_name"],
        at=dt.datetime.fromisoformat(words["at"]),
        principles=frozenset(map(Principle, words["principles"])),
        words=words["words"],
        login=Reference(words["login"]) if words["login"] else None,
    )


def _happened(line: Happened) -> Json:
    return {
        "event": line.event,
        "at": line.at.isoformat(),
        "by": line.by,
        "by_name": line.by_name,
        "words": line.words,
    }


def _read_happened(words: Json) -> Happened:
    return Happened(
        event=words["event"],
        at=dt.datetime.fromisoformat(words["at"]),
        by=Reference(words["by"]) if words["by"] else None,
        by_name=words["by_name"],
        words=words["words"],
    )


def _proof(proof: Proof | None) -> Json | None:
    if proof is None:
        return None
    return {
        "at": proof.at.isoformat(),
        "places": [
            {"place": each.place, "at": each.at.isoformat(), "found": list(each.found), "unasked": each.unasked}
            for each in proof.places
        ],
        "ask": list(proof.ask),
    }


def _read_proof(words: Json | None) -> Proof | None:
    if words is None:
        return None
    places = tuple(
        Looked(each["place"], dt.datetime.fromisoformat(each["at"]), tuple(each["found"]), each["unasked"])
        for each in words["places"]
    )
    return Proof(dt.datetime.fromisoformat(words["at"]), places, tuple(words["ask"]))


def _attested(each: Attested) -> Json:
    return {"place": each.place, "words": each.words, "by": each.by, "on": _day(each.on)}


def _read_attested(words: Json) -> Attested:
    by = Reference(words["by"]) if words["by"] else None
    return Attested(place=words["place"], words=words["words"], by=by, on=_read_day(words["on"]))


def _day(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


def _read_day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _moment(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _read_moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
