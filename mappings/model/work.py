"""What waits for a person, across patients: one list, each item with an owner, a cover and a day it is due."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import FhirBase, PatientId, Reference, WorkId


class WorkKind(StrEnum):
    """Why it waits."""

    CAME_BACK = "came-back"
    """Pictures that a patient sent on our request."""
    CALL_ME = "call-me"
    DECLINED = "declined"
    """The patient would rather not: another way of assessing is offered (G-R28)."""
    REQUEST_EXPIRED = "request-expired"
    UNSOLICITED = "unsolicited"
    """Contact the sender, the same day (G-R116)."""
    SECOND_PERSON = "second-person"
    URGENT_REVIEW = "urgent-review"
    """Went on without the second person: reviewed within 24 hours."""
    FOLLOW_UP = "follow-up"
    """The review said no, or the EHR refused what was said about consent: whoever decided looks again."""
    WITHDRAWAL = "withdrawal"
    """Consent was withdrawn: hide, request deletion, or keep with a reason (G-R242)."""
    MATURITY = "maturity"
    """The patient has turned 16 or 18 (G-R245)."""
    RETENTION = "retention"
    SOURCE = "source"
    """A mailbox or device that still holds the picture (G-R130, G-R275)."""
    SAFEGUARDING = "safeguarding"
    SECOND_OPINION = "second-opinion"
    DISCLOSURE = "disclosure"
    """A copy of the record is due, on the day that the law says."""
    DISCLOSURE_SECOND = "disclosure-second"
    """What goes out of a record was signed once, and policy asks for a second person."""
    HARM_OPINION = "harm-opinion"
    """A health professional is asked whether something would cause serious harm, were the patient to see it."""
    DELETION = "deletion"
    """A permanent deletion is asked for: the Caldicott Guardian decides (G-R266)."""
    DELETION_COSIGN = "deletion-cosign"
    """The Guardian approves, and policy asks for a senior clinician's signature as well (X5)."""
    DELETION_MORE_ASKED = "deletion-more-asked"
    """The Guardian wants to know more of whoever asked."""
    DELETION_APPROVED = "deletion-approved"
    """Approved, and to be carried out at the patient's own chart."""
    DELETION_REJECTED = "deletion-rejected"
    DELETION_NOT_PROVEN = "deletion-not-proven"
    """It stopped half way, or something remains: somebody has to see to it, perhaps at the server."""
    BREACH = "breach"
    """A picture was in the wrong chart: somebody considers whether it is a breach that has to be reported."""
    DELETION_REPLY = "deletion-reply"
    """The patient who asked for erasure, or objected, is answered within a month, whatever is decided."""
    CHART_COPY = "chart-copy"
    """The EHR takes no images: a file has to be filed in the chart by hand, or a copy taken out of it by hand."""


@dataclass(frozen=True)
class WorkItem:
    """`subject`: the request, capture, image or consent that it is about; one open item for each kind and subject.

    `patient_name` and `words` are for the people who may see this list, sealed at rest. `owner` None: nobody's yet;
    `cover` takes it over while the owner is away. `due`: when it counts as late. `outcome`: what was done, as a code.
    """

    id: WorkId
    kind: WorkKind
    fhir_base: FhirBase
    patient: PatientId
    subject: str
    created: dt.datetime
    due: dt.datetime
    owner: Reference | None = None
    owner_name: str = field(default="", repr=False)
    cover: Reference | None = None
    cover_name: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    not_by: Reference | None = None
    """Somebody who may not do this item: the person who asked for a second one."""
    done_at: dt.datetime | None = None
    done_by: Reference | None = None
    outcome: str = ""

    @property
    def beside_the_chart(self) -> bool:
        """Whether its owner sees to it without being at this patient's chart, or knowing whose it is: a second opinion
        that they were asked for (G-R220). Nobody else can see to it."""
        return self.kind is WorkKind.SECOND_OPINION and not self.subject.endswith("#ended")

    @property
    def about_a_label(self) -> bool:
        """Whether a second person is asked about the label of an image in the record, and not about a capture."""
        return self.kind is WorkKind.SECOND_PERSON and "/" in self.subject

    def late(self, now: dt.datetime) -> bool:
        return self.done_at is None and now > self.due
