"""One change of a label, fixed and signed when it is ordered; sealed until the record says it too."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, replace

from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ledger.intents import intended_by
from fhir_plugin.ports import Compartment, Json
from mappings.model.identifiers import IntentId, Reference
from mappings.model.label_change import ImageLabel, LabelReason
from mappings.model.labels import Label
from mappings.model.people import ClinicalSession
from mappings.r4.label_provenance import LabelChange
from mappings.r4.statement import label_statement

KIND = "label-change"


@dataclass(frozen=True)
class LabelOrder:
    """Everything about one change. `on_server`: the labels that the server's resource bore when it was ordered.

    `asked_by`: the person, whatever their login, who may not be the second one. `statement` and `jws` are there once it
    is ordered; while a second person is asked there is nothing to sign yet.
    """

    change: LabelChange
    on_server: tuple[Label, ...] = field(repr=False)
    lowers: bool
    asked_by: Reference
    provenance: str
    """The id of the Provenance, where the record takes ours."""
    statement: Json | None = field(default=None, repr=False)
    jws: str = field(default="", repr=False)

    @property
    def reference(self) -> Reference:
        return self.change.target


def signed(parts: KeepParts, order: LabelOrder) -> LabelOrder:
    """With the statement of what it says from now on, and our signature over it."""
    change = order.change
    statement = label_statement(
        target=change.target,
        image=change.image,
        patient=change.patient,
        before=change.before,
        after=change.after,
        reason=change.reason,
        at=change.at,
        by=change.by,
        second=change.second,
        policy_version=change.policy_version,
    )
    return replace(order, statement=statement, jws=parts.signer.sign(statement))


def begin(parts: KeepParts, session: ClinicalSession, order: LabelOrder) -> IntentId:
    """Writes down what is intended, in the open transaction: what is raised is hidden here from this moment."""
    intent = IntentId(parts.new_id())
    change = order.change
    held = parts.labels.find(session.fhir_base, change.target, for_change=True)
    known = held or ImageLabel(session.fhir_base, change.target, session.patient_id)
    if order.lowers:
        known = replace(known, pending=intent)
    else:
        known = replace(
            known,
            labels=change.after,
            since=change.at,
            by=change.by,
            by_name=change.by_name,
            hidden_since=change.at,
            pending=intent,
            found_ordinary="",
            ordinary_words="",
        )
    parts.labels.keep(known)
    for untold in parts.vault.items(
        compartment=Compartment.DRAFT, owner=untold_under(session.fhir_base, change.target)
    ):
        parts.vault.destroy(untold.vault_id)  # this takes its place
    kept = parts.vault.put(to_bytes(order), compartment=Compartment.DRAFT, owner=intent)
    parts.ledger.add(intended_by(session, id=intent, kind=KIND, subject=change.target, created=change.at, plan=kept))
    return intent


def untold_under(fhir_base: str, reference: Reference) -> str:
    """The owner of what is kept of a raise that the EHR did not take."""
    return f"label {fhir_base}/{reference}"


def to_bytes(order: LabelOrder) -> bytes:
    """For the vault."""
    change = order.change
    value: Json = {
        "target": change.target,
        "patient": change.patient,
        "image": change.image,
        "before": _pairs(change.before),
        "after": _pairs(change.after),
        "reason": change.reason,
        "words": change.words,
        "at": change.at.isoformat(),
        "by": change.by,
        "by_name": change.by_name,
        "second": change.second,
        "second_name": change.second_name,
        "policy_version": change.policy_version,
        "on_server": _pairs(order.on_server),
        "lowers": order.lowers,
        "asked_by": order.asked_by,
        "provenance": order.provenance,
        "statement": order.statement,
        "jws": order.jws,
    }
    return json.dumps(value).encode()


def from_bytes(content: bytes) -> LabelOrder:
    """What `to_bytes` wrote."""
    value = json.loads(content)
    change = LabelChange(
        target=Reference(value["target"]),
        patient=Reference(value["patient"]),
        image=value["image"],
        before=_labels(value["before"]),
        after=_labels(value["after"]),
        reason=LabelReason(value["reason"]),
        words=value["words"],
        at=dt.datetime.fromisoformat(value["at"]),
        by=Reference(value["by"]),
        by_name=value["by_name"],
        second=Reference(value["second"]) if value["second"] else None,
        second_name=value["second_name"],
        policy_version=value["policy_version"],
    )
    return LabelOrder(
        change=change,
        on_server=_labels(value["on_server"]),
        lowers=value["lowers"],
        asked_by=Reference(value["asked_by"]),
        provenance=value["provenance"],
        statement=value["statement"],
        jws=value["jws"],
    )


def _pairs(labels: tuple[Label, ...]) -> list[list[str]]:
    return [[label.system, label.code] for label in labels]


def _labels(pairs: list[list[str]]) -> tuple[Label, ...]:
    return tuple(Label(system, code) for system, code in pairs)
