"""Who has seen or received a picture: from the chain, second opinions and packages; and what nobody here knows."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.hiding import SeenBy
from fhir_plugin.ports import AuditEntry
from mappings.model.identifiers import OpinionId, Reference
from tests.contracts.test_disclosure_requests import FULL as REQUEST
from tests.contracts.test_second_opinions import FULL
from tests.delete.hiding_bench import HidingBench, chart
from tests.fakes.disclosure_requests import FakeDisclosureRequests
from tests.keep.labelled import OURS
from tests.work.test_practice import CLINICIANS, GP, HERE, LOCUM, NURSE, at

OTHER = Reference("Media/m2")


def seen_by(bench: HidingBench) -> SeenBy:
    disclosures = FakeDisclosureRequests(bench.work)
    amy = at().patient_id
    opened = replace(FULL, fhir_base=HERE, patient=amy, image=OURS, recipient_name="Nurse Okoro", opened=2)
    for number, opinion in enumerate((opened, replace(opened, opened=0), replace(opened, image=OTHER))):
        bench.opinions.add(replace(opinion, id=OpinionId(f"o-{number}")))
    assert REQUEST.package is not None
    package = replace(REQUEST.package, images=(OURS,))
    disclosures.add(replace(REQUEST, fhir_base=HERE, patient=amy, recipient="Smith and Sons", package=package))
    names = {str(login): name for login, name in CLINICIANS.items()}
    return SeenBy(bench.delete_parts, bench.opinions, disclosures, lambda _base, login: names.get(login, ""))


def note(
    bench: HidingBench,
    action: str,
    actor: str,
    patient: str = "amy",
    subject: str | None = None,
    outcome: str = "success",
) -> None:
    bench.audit.append(
        AuditEntry(action=action, actor=actor, patient=f"Patient/{patient}", subject=subject, outcome=outcome)
    )


def test_everybody_is_told_once_oldest_first() -> None:
    bench = chart()
    note(bench, "launch.completed", NURSE)
    for _ in range(2):
        note(bench, "image.viewed", GP, subject=OURS)
        note(bench, "launch.completed", LOCUM)
    note(bench, "image.viewed", LOCUM, subject=OTHER)
    note(bench, "image.viewed", NURSE, subject=OURS, outcome="failure")
    note(bench, "launch.completed", "Practitioner/unknown")
    note(bench, "launch.completed", "Practitioner/bobs", patient="bob")
    said = seen_by(bench)(at(), OURS)
    text = "\n".join(said)
    assert text.count("Dr Shah filed it on") == 1 and text.count("Dr Shah opened it on") == 1
    assert text.count("Dr Lindqvist had this record open") == 1 and text.count("Nurse Okoro had this record") == 1
    assert "Practitioner/unknown had this record open" in text and "bobs" not in text
    assert text.count("Nurse Okoro opened it 2 times for a second opinion") == 1
    assert "Smith and Sons was sent a copy of the record with it" in text
    assert "Lindqvist opened it" not in text and "Nurse Okoro opened it on" not in text
    assert said[-1].endswith("is not known to this app.")


def test_of_a_picture_that_nobody_here_filed_the_chain_still_tells() -> None:
    bench = chart()
    note(bench, "launch.completed", NURSE)
    said = seen_by(bench)(at(), Reference("Media/foreign"))
    assert len(said) == 2 and "Nurse Okoro had this record open" in said[0]
