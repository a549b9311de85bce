"""What the patient's last page says of their photos is true whether or not something holds them, and does not tell."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.practice import Hold, HoldKind
from tests.capture.bench import BASE
from tests.web.patients import Clinic
from tests.web.visitor import visitor

WAYS = ("decline", "call-me", "receive", "expire", "withdraw")


def words(answer: TestResponse) -> str:
    """What a person reads of the page."""
    main = answer.text.split("<main")[1].split("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def ended(way: str, *, held: bool) -> tuple[str, int]:
    """What the last page says, and how many items of the pictures are still in the vault."""
    clinic = Clinic()
    patient = visitor(clinic)
    if way == "withdraw":
        patient.to_check()
        patient.send()
    else:
        patient.to_photos()
        patient.add()
    now = clinic.bench.clock.now()
    if held:
        with clinic.bench.work.transaction():
            clinic.bench.holds.add(
                Hold(
                    "h1",
                    HoldKind.SAFEGUARDING,
                    FhirBase(BASE),
                    PatientId("p1"),
                    now,
                    Reference("Practitioner/gp"),
                    "Gp",
                )
            )
    if way == "expire":
        clinic.bench.clock.advance(hours=100)
        answer = patient.get("photos")
    elif way == "receive":
        answer = patient.post("agree", {"receive": "no", "store": "no"})
    elif way == "withdraw":
        asked = words(patient.get("withdraw"))
        answer = patient.post("withdraw")
        return f"{asked} {words(answer)}", len(clinic.bench.vault.items())
    else:
        answer = patient.post(way)
    return words(answer), len(clinic.bench.vault.items())


@pytest.mark.parametrize("way", WAYS)
def test_it_says_the_same_and_only_what_is_so_whether_or_not_something_is_held(way: str) -> None:
    said, left = ended(way, held=False)
    said_held, left_held = ended(way, held=True)
    assert (left, bool(left_held)) == (0, True), "what is held is sealed, all else is destroyed"
    assert said == said_held, "who holds the telephone must not learn that something is held"
    assert "are deleted" not in said and "did not look" not in said
    if way != "receive" or "If you added photos" in said:
        assert "as soon as we may" in said
