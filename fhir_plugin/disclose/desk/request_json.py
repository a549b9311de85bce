"""A disclosure request as JSON, to be sealed: everything that is not in the clear in its row."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mappings.model.disclosure import Authority, Competence, ConsentToRelease, Mode, Opinion, Requester
from mappings.model.disclosure_request import (
    Decided,
    DisclosureId,
    DisclosureRequest,
    HarmOpinion,
    ItemKey,
    MadePackage,
    Override,
    RequestState,
    Signature,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference, Sha256, VaultId

Json = dict[str, Any]


def request_to_json(request: DisclosureRequest) -> Json:
    """What is sealed."""
    return {
        "requester": request.requester.value,
        "received": request.received.isoformat(),
        "created_by": request.created_by,
        "created_by_name": request.created_by_name,
        "patient_name": request.patient_name,
        "born": _day(request.born),
        "recipient": request.recipient,
        "relationship": request.relationship,
        "identity_checked": request.identity_checked,
        "identity_on": _day(request.identity_on),
        "purpose": request.purpose,
        "consent": request.consent.value,
        "authority": request.authority.value,
        "competence": request.competence.value,
        "agrees": request.agrees,
        "mode": request.mode.value,
        "watermark": request.watermark,
        "extended_because": request.extended_because,
        "extended_told": _day(request.extended_told),
        "gathered": request.gathered,
        "gathered_at": _moment(request.gathered_at),
        "overrides": {key: _override(each) for key, each in sorted(request.overrides.items())},
        "opinions": {key: _opinion(each) for key, each in sorted(request.opinions.items())},
        "read_words": sorted(request.read_words),
        "not_read": dict(sorted(request.not_read.items())),
        "accepted_unread": request.accepted_unread,
        "changed": sorted(request.changed),
        "opinions_asked": dict(sorted(request.opinions_asked.items())),
        "black_outs": dict(sorted(request.black_outs.items())),
        "first": _signature(request.first),
        "second": _signature(request.second),
        "why_not": request.why_not,
        "package": _package(request.package),
    }


def request_from_json(
    words: Json,
    *,
    id: DisclosureId,
    fhir_base: FhirBase,
    patient: PatientId,
    state: RequestState,
    revision: int,
    created: dt.datetime,
) -> DisclosureRequest:
    """The request, from what was sealed and what stood in the clear."""
    return DisclosureRequest(
        id=id,
        fhir_base=fhir_base,
        patient=patient,
        state=state,
        revision=revision,
        created=created,
        requester=Requester(words["requester"]),
        received=dt.date.fromisoformat(words["received"]),
        created_by=Reference(words["created_by"]),
        created_by_name=words["created_by_name"],
        patient_name=words["patient_name"],
        born=_read_day(words["born"]),
        recipient=words["recipient"],
        relationship=words["relationship"],
        identity_checked=words["identity_checked"],
        identity_on=_read_day(words["identity_on"]),
        purpose=words["purpose"],
        consent=ConsentToRelease(words["consent"]),
        authority=Authority(words["authority"]),
        competence=Competence(words["competence"]),
        agrees=words["agrees"],
        mode=Mode(words["mode"]),
        watermark=words["watermark"],
        extended_because=words["extended_because"],
        extended_told=_read_day(words.get("extended_told")),
        gathered=VaultId(words["gathered"]) if words["gathered"] else None,
        gathered_at=_read_moment(words["gathered_at"]),
        overrides={ItemKey(key): _read_override(each) for key, each in words["overrides"].items()},
        opinions={ItemKey(key): _read_opinion(each) for key, each in words["opinions"].items()},
        read_words=frozenset(map(ItemKey, words["read_words"])),
        not_read=words["not_read"],
        accepted_unread=words["accepted_unread"],
        changed=frozenset(map(ItemKey, words["changed"])),
        opinions_asked={ItemKey(key): each for key, each in words["opinions_asked"].items()},
        black_outs={ItemKey(key): VaultId(each) for key, each in words["black_outs"].items()},
        first=_read_signature(words["first"]),
        second=_read_signature(words["second"]),
        why_not=words["why_not"],
        package=_read_package(words["package"]),
    )


def _override(each: Override) -> Json:
    return {
        "decided": each.decided.value,
        "reason": each.reason,
        "by": each.by,
        "by_name": each.by_name,
        "at": each.at.isoformat(),
    }


def _read_override(words: Json) -> Override:
    return Override(
        Decided(words["decided"]),
        words["reason"],
        Reference(words["by"]),
        words["by_name"],
        dt.datetime.fromisoformat(words["at"]),
    )


def _opinion(each: HarmOpinion) -> Json:
    return {
        "opinion": each.opinion.value,
        "words": each.words,
        "by": each.by,
        "by_name": each.by_name,
        "at": each.at.isoformat(),
    }


def _read_opinion(words: Json) -> HarmOpinion:
    return HarmOpinion(
        Opinion(words["opinion"]),
        words["words"],
        Reference(words["by"]),
        words["by_name"],
        dt.datetime.fromisoformat(words["at"]),
    )


def _signature(each: Signature | None) -> Json | None:
    if each is None:
        return None
    return {"by": each.by, "by_name": each.by_name, "at": each.at.isoformat(), "about": each.about}


def _read_signature(words: Json | None) -> Signature | None:
    if words is None:
        return None
    return Signature(Reference(words["by"]), words["by_name"], dt.datetime.fromisoformat(words["at"]), words["about"])


def _package(each: MadePackage | None) -> Json | None:
    if each is None:
        return None
    return {
        "vault_id": each.vault_id,
        "sha256": each.sha256,
        "size": each.size,
        "counts": dict(sorted(each.counts.items())),
        "images": list(each.images),
        "at": each.at.isoformat(),
        "digests": dict(sorted(each.digests.items())),
        "manifest": each.manifest,
        "key_check": each.key_check,
        "event": each.event,
        "provenance": each.provenance,
    }


def _read_package(words: Json | None) -> MadePackage | None:
    if words is None:
        return None
    return MadePackage(
        vault_id=VaultId(words["vault_id"]) if words["vault_id"] else None,
        sha256=Sha256(words["sha256"]),
        size=words["size"],
        counts=words["counts"],
        images=tuple(map(Reference, words["images"])),
        at=dt.datetime.fromisoformat(words["at"]),
        digests={Reference(key): each for key, each in words["digests"].items()},
        manifest=Sha256(words["manifest"]) if words["manifest"] else None,
        key_check=words.get("key_check", ""),
        event=Reference(words["event"]) if words["event"] else None,
        provenance=Reference(words["provenance"]) if words["provenance"] else None,
    )


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _read_day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _moment(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
