"""One second opinion that a clinician asks a colleague for, and where it is kept (G-R219 to G-R228, X18)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from fhir_plugin.ports import Json
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import FhirBase, OpinionId, PatientId, Reference, VaultId


class OpinionState(StrEnum):
    """Asked, then accepted, then answered; each of the others ends it too."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    STOPPED = "stopped"
    """Consent was taken back, or the patient has grown up and must be asked first."""


LIVE = frozenset({OpinionState.ASKED, OpinionState.ACCEPTED})
"""While it is one of these there is a copy; at every end the copy is destroyed."""


class OpinionPurpose(StrEnum):
    """What a colleague may be asked for here. Teaching and peer review are secondary uses (G-R228)."""

    DIAGNOSIS = "diagnosis"
    TREATMENT = "treatment"
    NEXT_STEP = "next-step"


@dataclass(frozen=True)
class OpinionAct:
    """Something that happened to an opinion: `action` as in the audit trail; `by` None for the app itself."""

    action: str
    at: dt.datetime
    by: Reference | None = None


@dataclass(frozen=True)
class SecondOpinion:
    """`patient_name` is kept only where the copy is identified. `copy`: the vault item that the colleague is shown.

    `copy_digest`: keyed digest of what was shown, with `image_version` the proof of which version it was (G-R224).
    `opened`: how often the picture was opened.
    """

    id: OpinionId
    fhir_base: FhirBase
    patient: PatientId
    image: Reference
    asker: Reference
    recipient: Reference
    created: dt.datetime
    expires: dt.datetime
    purpose: OpinionPurpose
    consent: ConsentAnswer
    policy: str
    state: OpinionState = OpinionState.ASKED
    image_version: str = ""
    asker_name: str = field(default="", repr=False)
    recipient_name: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    anonymised: bool = True
    identified_reason: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    sensitive: bool = False
    copy: VaultId | None = None
    copy_digest: str = ""
    accepted_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    opened: int = 0
    answer: str = field(default="", repr=False)
    """What the colleague answered, or why they declined."""
    untold: tuple[OpinionAct, ...] = ()
    """What happened that this patient's record does not say yet."""

    def after(self, action: str, at: dt.datetime, by: Reference | None) -> SecondOpinion:
        """With one more act that the record is to learn of."""
        return replace(self, untold=(*self.untold, OpinionAct(action, at, by)))

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def case(self) -> str:
        """The pseudonym under which two people can talk about it."""
        return self.id.replace("-", "")[-6:].upper()


class SecondOpinions(Protocol):
    """Every method joins the open transaction."""

    def add(self, opinion: SecondOpinion) -> None: ...

    def get(self, id: OpinionId, *, for_change: bool = False) -> SecondOpinion:
        """Raises `NotFound`."""

    def save(self, opinion: SecondOpinion) -> None:
        """Raises `NotFound`."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[SecondOpinion]:
        """Newest first. One that cannot be read is logged, left out, and counted by `unreadable`."""

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        """How many of a patient's cannot be read. They open for nobody; their copies go when their time is over."""

    def live(self) -> list[OpinionId]:
        """Those at any EHR that have not ended, what expires first coming first. Opens no row."""

    def overdue(self, now: dt.datetime) -> list[OpinionId]:
        """Of those the ones whose time is over. Opens no row: what cannot be read is over all the same."""


def opinion_to_json(opinion: SecondOpinion) -> Json:
    """What is sealed: everything that is not in the clear."""
    return {
        "image": opinion.image,
        "asker": opinion.asker,
        "purpose": opinion.purpose.value,
        "consent": opinion.consent.value,
        "policy": opinion.policy,
        "image_version": opinion.image_version,
        "asker_name": opinion.asker_name,
        "recipient_name": opinion.recipient_name,
        "reason": opinion.reason,
        "anonymised": opinion.anonymised,
        "identified_reason": opinion.identified_reason,
        "patient_name": opinion.patient_name,
        "sensitive": opinion.sensitive,
        "copy": opinion.copy,
        "copy_digest": opinion.copy_digest,
        "accepted_at": _text(opinion.accepted_at),
        "ended_at": _text(opinion.ended_at),
        "opened": opinion.opened,
        "answer": opinion.answer,
        "untold": [act_to_json(act) for act in opinion.untold],
    }


def opinion_from_json(
    words: Json,
    *,
    id: OpinionId,
    fhir_base: FhirBase,
    patient: PatientId,
    state: OpinionState,
    recipient: Reference,
    created: dt.datetime,
    expires: dt.datetime,
) -> SecondOpinion:
    """The opinion, from what was sealed and what stood in the clear."""
    return SecondOpinion(
        id=id,
        fhir_base=fhir_base,
        patient=patient,
        image=Reference(words["image"]),
        asker=Reference(words["asker"]),
        recipient=recipient,
        created=created,
        expires=expires,
        purpose=OpinionPurpose(words["purpose"]),
        consent=ConsentAnswer(words["consent"]),
        policy=words["policy"],
        state=state,
        image_version=words["image_version"],
        asker_name=words["asker_name"],
        recipient_name=words["recipient_name"],
        reason=words["reason"],
        anonymised=words["anonymised"],
        identified_reason=words["identified_reason"],
        patient_name=words["patient_name"],
        sensitive=words["sensitive"],
        copy=VaultId(words["copy"]) if words["copy"] else None,
        copy_digest=words["copy_digest"],
        accepted_at=_moment(words["accepted_at"]),
        ended_at=_moment(words["ended_at"]),
        opened=words["opened"],
        answer=words["answer"],
        untold=tuple(act_from_json(act) for act in words.get("untold", ())),
    )


def act_to_json(act: OpinionAct) -> Json:
    """One act, to be sealed."""
    return {"action": act.action, "at": act.at.isoformat(), "by": act.by}


def act_from_json(words: Json) -> OpinionAct:
    """One act, as it was sealed."""
    by = Reference(words["by"]) if words["by"] else None
    return OpinionAct(words["action"], dt.datetime.fromisoformat(words["at"]), by)


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
