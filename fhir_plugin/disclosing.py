"""Joins the disclosure desk: a part of `app`, which is long enough."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.disclose.contents import PackageContents
from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.desk.desk import Desk
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.package import write_package
from fhir_plugin.disclose.prove import Needles
from fhir_plugin.disclose.send import KIND, Disclosures, Making, start
from fhir_plugin.disclose.send.parts import Writing
from fhir_plugin.ledger.engine import PlanFor
from fhir_plugin.ports import DisclosureRequests
from mappings.model.people import ClinicalSession, Patient


def join_desk(
    parts: CaptureParts,
    requests: DisclosureRequests,
    patient: Callable[[ClinicalSession], Patient],
    plans: MutableMapping[str, PlanFor],
) -> Desk:
    """The desk over the same ports as filing; how a signed request is carried out joins `plans`.

    `patient`: who it is as the EHR names them now.
    """
    desk = Desk(
        DeskParts(
            work=parts.work,
            requests=requests,
            vault=parts.vault,
            audit=parts.audit,
            signer=parts.signer,
            worker=parts.worker,
            ledger=parts.ledger,
            engine=parts.engine,
            queue=parts.queue,
            clock=parts.clock,
            policy=parts.policy,
            rules=shipped_rules(),
            records=parts.records,
            patient=patient,
            new_id=parts.new_id,
            worklist=parts.worklist,
            holds=parts.holds,
            kept=parts.kept,
            labels=parts.labels,
            hidden=parts.hidden,
            copies=parts.copies,
            background=parts.background,
            start_sending=start,
        )
    )
    plans[KIND] = _sending(desk)
    return desk


def _sending(desk: Desk) -> Disclosures:
    """How a signed request is carried out."""
    parts = desk.parts

    def write(contents: PackageContents, *, package_id: str, needles: Needles) -> Writing:
        return write_package(contents, package_id=package_id, signer=parts.signer, needles=needles, worker=parts.worker)

    return Disclosures(parts, Making(desk.prepare, write), parts.rules)
