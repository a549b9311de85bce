"""The cover sheet of a package that nobody signed: it says so."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Final

from fhir_plugin.disclose.at_once.asked import WhatIsAsked
from fhir_plugin.disclose.contents import CoverSheet, named
from fhir_plugin.disclose.redact import RedactedRecord
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.disclosure import Redact, RequesterRow
from mappings.model.people import Patient

CHECKED: Final = (
    "Everything that carries a label was checked against the rules for this recipient.",
    "Whatever was not included was looked for again, by another program, in every byte of this package.",
)
NOBODY: Final = ("Nobody. A program made this copy by the rules for this recipient.",)
NOT_CHECKED: Final = (
    "No person has read this package before it was made.",
    "Text about other people was not checked.",
    "What a picture shows was not looked at: only its labels, its place on the body and its file.",
    "What has no label, and does not look private by its place on the body, was taken for what it says it is.",
)


def cover_of(
    person: Patient,
    row: RequesterRow,
    asked: WhatIsAsked,
    record: RedactedRecord,
    *,
    now: dt.datetime,
    today: dt.date,
    policy: PolicyPack,
) -> CoverSheet:
    """What the first page says."""
    taken_out = Counter(each.verdict.reason.text for each in record.findings if isinstance(each.verdict, Redact))
    return CoverSheet(
        patient_name=person.name,
        nhs_number=person.nhs_number or "",
        born=person.birth_date,
        recipient=asked.recipient,
        row=row,
        mode=asked.mode,
        purpose="",
        received=today,
        made=now,
        signed_by=NOBODY,
        organisation=named(policy.organisation),
        counts=record.counts,
        checked=CHECKED,
        not_checked=NOT_CHECKED,
        taken_out=dict(taken_out),
        contact=policy.wording.telephone,
    )
