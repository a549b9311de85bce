"""How the desk groups what it proposes, and how far along its clock is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.web.disclosing.words import answered_once, grouped, share_gone, shares
from mappings.model.disclosure import Redact, Release, Requester, Review, Reviewer
from mappings.model.disclosure_request import DeskItem, DisclosureId, DisclosureRequest
from mappings.model.identifiers import FhirBase, PatientId, Reference
from tests.web.desk_record import LOOK, OWN, PRIVATE, an_item

DAY = dt.date(2026, 3, 2)


def a_request(identity_on: dt.date | None) -> DisclosureRequest:
    return DisclosureRequest(
        id=DisclosureId("d"),
        fhir_base=FhirBase("https://ehr.example/fhir"),
        patient=PatientId("amy"),
        requester=Requester.PATIENT,
        received=DAY,
        created=dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
        created_by=Reference("Practitioner/p"),
        identity_on=identity_on,
    )


def items() -> list[DeskItem]:
    letter = an_item(1, Release(OWN), type="DocumentReference", is_image=False)
    other = an_item(2, Redact(replace(PRIVATE, rule="another", text="Another reason.")))
    waits = an_item(5, Review(LOOK, Reviewer.OFFICER))
    masked = [an_item(number, Redact(PRIVATE)) for number in (4, 3)]
    return [letter, other, waits, *masked, an_item(6, Release(OWN))]


def test_items_stand_under_their_fate_and_its_reason_pictures_and_older_ones_first() -> None:
    found = [
        (group.anchor, because.reason, [str(item.key) for item in because.items])
        for group in grouped(items())
        for because in group.why
    ]
    assert found == [
        ("needs", LOOK.text, ["Media/m5"]),
        ("out", OWN.text, ["Media/m6", "Media/m1"]),
        ("masked", PRIVATE.text, ["Media/m3", "Media/m4"]),
        ("masked", "Another reason.", ["Media/m2"]),
    ]


def test_what_one_answer_about_the_request_decides_is_known() -> None:
    assert "consent-first" in answered_once(Requester.INSURER)
    assert "consent-first" not in answered_once(Requester.PATIENT)
    assert LOOK.rule not in answered_once(Requester.INSURER), "somebody has to look at each"


def test_the_bar_says_what_the_list_says_and_keeps_room_for_what_is_hidden() -> None:
    groups = grouped(items())
    assert shares(groups, 6) == [("out", 0, 2), ("masked", 2, 3), ("needs", 5, 1)]
    assert shares(groups, 8)[-1] == ("hidden", 6, 2)


@pytest.mark.parametrize(
    ("identity_on", "today", "gone"),
    [
        (None, DAY, 0),
        (None, DAY + dt.timedelta(days=15), 50),
        (None, DAY + dt.timedelta(days=90), 100),
        (DAY + dt.timedelta(days=10), DAY + dt.timedelta(days=20), 50),
        (DAY - dt.timedelta(days=10), DAY + dt.timedelta(days=15), 50),
    ],
)
def test_the_clock_runs_from_the_later_of_letter_and_proof(
    identity_on: dt.date | None, today: dt.date, gone: int
) -> None:
    due = DAY + dt.timedelta(days=30)
    request = a_request(identity_on)
    assert share_gone(request, due, (due - today).days) == gone
    assert share_gone(request, None, None) is None
