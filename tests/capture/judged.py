"""Answers about one picture of a forearm, judged: what the tests of decisions start from."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.capture.answers import (
    Answers,
)
from fhir_plugin.capture.decide import (
    PLAIN,
    Assessment,
    CaptureFacts,
    ImageFacts,
    assess,
)
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.identifiers import ImageId, PatientId
from mappings.model.images import BodySite
from mappings.model.people import Patient
from tests.capture.bench import SHARED

TODAY = dt.date(2026, 3, 2)
ONE, TWO = ImageId("i1"), ImageId("i2")
FOREARM = BodySite("14975008", "Forearm", paired=True)
PRIVATE = replace(FOREARM, private=True)
STRICT = shipped_pack()
ADULT = Patient(PatientId("p1"), "Amy Example", birth_date=dt.date(1980, 5, 1))


def child(age: int, on: dt.date = TODAY) -> Patient:
    """Somebody whose birthday is today."""
    return replace(ADULT, birth_date=on.replace(year=on.year - age))


def judge(
    shared: dict[str, str] | None = None,
    *,
    patient: Patient = ADULT,
    decision: str = "store",
    camera: dt.date | None = None,
    site: BodySite | None = FOREARM,
    discarded: bool = False,
    standing: CaptureFacts = PLAIN,
    **own: str,
) -> Assessment:
    said = {"site": "x", "laterality": "left", "decision": decision, **own}
    answers = Answers({**SHARED, **(shared or {})}, {ONE: said})
    image = ImageFacts(ONE, camera, site, discarded)
    return assess(answers, [image], patient, today=TODAY, policy=STRICT, standing=standing)


def codes(assessment: Assessment) -> set[str]:
    return {reason.code for reason in assessment.holds}
