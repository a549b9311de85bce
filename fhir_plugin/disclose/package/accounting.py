"""What was sent to whom, as a sheet for the patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from fhir_plugin.disclose.package.pdf import PdfPages
from fhir_plugin.disclose.package.printing import Flow
from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.disclose.package.reading.plain import day_words, nhs_number
from mappings.model.people import Patient

TITLE = "Copies of your health record that we sent"


class Line(Protocol):
    """One package that was sent, in words."""

    @property
    def on(self) -> dt.datetime: ...
    @property
    def recipient(self) -> str: ...
    @property
    def right(self) -> str: ...
    @property
    def purpose(self) -> str: ...
    @property
    def items(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def signed_by(self) -> str: ...


def accounting_pdf(
    patient: Patient, sent: Sequence[Line], organisation: str, contact: str, made: dt.datetime
) -> Iterator[bytes]:
    """The sheet in pieces, the newest first."""
    pages = PdfPages(TITLE, organisation, made, footer=f"Copies that were sent, as of {day_words(made.date())}")
    flow = Flow(pages)
    flow.heading(1, TITLE)
    rows = [Fact("Name", patient.name), Fact("NHS number", nhs_number(patient.nhs_number or "") or "not known")]
    rows += [Fact("Date of birth", day_words(patient.birth_date))] if patient.birth_date else []
    flow.facts([*rows, Fact("As of", day_words(made.date())), Fact("Made by", organisation)])
    if not sent:
        flow.paragraph("No copy of your record was sent to anybody.")
    for line in sent:
        flow.heading(2, day_words(line.on.date()))
        told = (
            ("To whom", line.recipient),
            ("By what right", line.right),
            ("What for", line.purpose),
            ("Entries of the record", f"{line.items:,}"),
            ("Pictures and videos among them", f"{line.images:,}"),
            ("Signed by", line.signed_by),
        )
        flow.facts([Fact(label, said) for label, said in told if said])
    flow.heading(2, "If something is wrong or unclear")
    flow.paragraph(
        f"Ask {contact or organisation}. Asking costs nothing. You may ask for a copy of what was sent, and for the "
        "reasons. If you think that your information was not handled as it should be, you can complain to us, and "
        "then to the Information Commissioner's Office: ico.org.uk/make-a-complaint, telephone 0303 123 1113."
    )
    return pages.pieces()
