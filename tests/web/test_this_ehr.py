"""The page that says what this EHR can do, the sentence before *File*, and what the receipt says of the chart."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from fhir_plugin.adapters.vendor_files import vendor_named, vendor_names
from fhir_plugin.capability import Discovery
from fhir_plugin.capture.foretell import forecast_of
from fhir_plugin.capture.ladder_words import AFTER, BEFORE, SENSITIVE_TOO, SMALLER, WHOLE
from fhir_plugin.capture.place import Asked
from fhir_plugin.capture.this_ehr import INTERACTIONS, TYPES, Standing, contradictions, standing, this_ehr
from fhir_plugin.errors import RecordUnavailable
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.web.this_ehr import COLUMNS, FACTS, SOURCES
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.people import Role
from mappings.model.writeback import Rung
from tests.web.conftest import Person
from tests.web.ehrs import EPIC, EVERYTHING, NOTHING, ORACLE, TEXT_ONLY, capability, documents_only
from tests.web.fake import FakeParts
from tests.web.test_home import become, words_of

STRICT = shipped_pack()


@pytest.mark.parametrize("role", list(Role))
def test_everybody_at_a_chart_can_read_it_and_every_page_leads_to_it(
    person: Person, parts: FakeParts, role: Role
) -> None:
    become(parts, role)
    page = person.get("this-ehr")
    assert page.status_code == 200
    said = words_of(page.text)
    assert WHOLE in said and "HAPI FHIR" in said and "<script" not in page.text.split("<main")[1].split("</main")[0]
    assert 'href="/l/amy/this-ehr"' in person.get("home" if role is not Role.CLINICIAN else "").text


@pytest.mark.parametrize(
    ("able", "rung"),
    [
        (EVERYTHING, Rung.TRANSACTION),
        (ORACLE, Rung.PDF),
        (EPIC, Rung.TEXT_NOTE),
        (TEXT_ONLY, Rung.TEXT_NOTE),
        (NOTHING, Rung.SIGNED_EXPORT),
    ],
)
def test_it_says_what_becomes_of_a_photograph_and_why_not_better(
    person: Person, parts: FakeParts, able: object, rung: Rung
) -> None:
    parts.captures.capability = able  # type: ignore[assignment]  # a Capability
    become(parts, Role.CLINICIAN)
    person.launch = "amy"
    said = words_of(person.get("this-ehr").text)
    without = [session for session in parts.sessions.known.values() if session.encounter is None]
    expected = this_ehr(parts.captures.capability, STRICT, encounter=not without)
    assert expected.cases[0].forecast.sentence in said
    for each in expected.cases[0].forecast.why_not:
        assert each in said
    if not without or able in (EVERYTHING, TEXT_ONLY, NOTHING):
        assert BEFORE[rung] in said


def test_every_column_and_every_fact_has_words() -> None:
    assert len(COLUMNS) == len(INTERACTIONS)
    told = {each.what for name in vendor_names() for each in vendor_named(name).known}
    assert told <= set(FACTS)
    assert {each.source for name in vendor_names() for each in vendor_named(name).known} <= set(SOURCES)


def test_facts_stand_with_reason_and_source(person: Person, parts: FakeParts) -> None:
    parts.captures.capability = EPIC
    said = words_of(person.get("this-ehr").text)
    for each in EPIC.vendor.known:
        assert each.reason in said
    assert "nobody of this project has run it" in said
    assert all(row in said for row in TYPES)


def test_what_a_server_calls_itself_is_only_words(person: Person, parts: FakeParts) -> None:
    evil = capability(software="<b>EHR</b>", scopes=("<script>alert(1)</script>",))
    parts.captures.capability = evil
    page = person.get("this-ehr").text
    assert "<b>EHR</b>" not in page and "alert(1)</script>" not in page
    assert "<b>EHR</b>" in html.unescape(re.sub(r"<[^>]+>", "", page))


def test_an_ehr_that_does_not_answer_is_said_to_be_away(person: Person, parts: FakeParts) -> None:
    parts.captures.trouble["this_ehr"] = RecordUnavailable("the EHR does not answer")
    assert person.get("this-ehr").status_code == 503


# ------------------------------------------------------------------------------- what does not agree


def test_each_interaction_stands_for_its_first_reason() -> None:
    able = capability(
        without=["Task"],
        vendor=replace(EVERYTHING.vendor, denied=frozenset({("Provenance", "create")})),
        granted=lambda kind, _what: kind != "Consent",
    )
    assert standing(able, "Media", "create") is Standing.YES
    assert standing(able, "Task", "create") is Standing.NO
    assert standing(able, "Provenance", "create") is Standing.KNOWN_NOT_TO
    assert standing(able, "Consent", "create") is Standing.NOT_GRANTED


ECW = documents_only(
    "ecw",
    interactions={"QuestionnaireResponse": frozenset({"create", "read"})},
    scopes=("patient/Media.cruds", "user/QuestionnaireResponse.c", "launch/patient", "openid"),
    discovery=Discovery(frozenset({"permission-v2"}), frozenset({"patient/Consent.c", "patient/*.cruds"})),
)


def test_what_scopes_promise_and_the_server_does_not_offer_is_told() -> None:
    told = list(contradictions(ECW))
    assert any("Scopes were granted" in each and each.endswith("not offer: Media.") for each in told)
    assert any("SMART configuration names scopes" in each and each.endswith("not offer: Consent.") for each in told)
    assert not ECW.holds("Media"), "and it is not believed"


def test_a_server_that_agrees_with_itself_is_told_nothing() -> None:
    assert list(contradictions(EVERYTHING)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"granted": lambda kind, _what: kind != "Consent"}, "was not granted: Consent."),
        ({"scopes": ("patient/Media.write",)}, "does not list: permission-v1."),
        ({"vendor": replace(EVERYTHING.vendor, atomic_transaction=False)}, "known not to undo"),
        (
            {"vendor": replace(EVERYTHING.vendor, denied=frozenset({("Provenance", "create")}))},
            "known not to do: Provenance create.",
        ),
    ],
)
def test_each_contradiction_is_told(changes: dict[str, object], says: str) -> None:
    assert any(says in each for each in contradictions(capability(**changes)))


def test_removal_is_told_as_it_is() -> None:
    assert "can be deleted here" in this_ehr(EVERYTHING, STRICT).removal
    assert "neither be deleted nor changed" in this_ehr(EPIC, STRICT).removal
    assert "Nothing of ours" in this_ehr(NOTHING, STRICT).removal
    changes = documents_only(
        "text-only", interactions={"DocumentReference": frozenset({"create", "update", "read", "search-type"})}
    )
    assert "entered in error" in this_ehr(changes, STRICT).removal


# ------------------------------------------------------------------------------- before and after *File*


@pytest.mark.parametrize(("able", "rung"), [(EVERYTHING, Rung.TRANSACTION), (TEXT_ONLY, Rung.TEXT_NOTE)])
def test_before_filing_the_screen_says_what_the_chart_will_hold(
    person: Person, parts: FakeParts, able: object, rung: Rung
) -> None:
    parts.captures.capability = able  # type: ignore[assignment]  # a Capability
    capture, _ = person.ready()
    page = person.get(f"captures/{capture}").text
    said = words_of(page)
    assert BEFORE[rung] in said
    assert page.index("forecast-heading") < page.index('id="file"'), "before the button"
    assert ("Why not better" in said) is not rung.whole
    assert ("the chart gets words that say where the image is" in said) is not rung.whole, "beside the button, too"
    if not rung.whole:
        assert "Not the image itself: it takes no such files from apps." in said


def test_nothing_is_foretold_while_nothing_is_to_be_stored(person: Person, parts: FakeParts) -> None:
    parts.captures.capability = TEXT_ONLY
    capture, _ = person.ready(decision="describe")
    assert "forecast-heading" not in person.get(f"captures/{capture}").text


def test_of_sensitive_images_such_a_chart_gets_words() -> None:
    photo = Asked(largest=5_000_000, content_types=frozenset({"image/jpeg"}))
    ordinary = forecast_of(ORACLE, photo, any_restricted=False)
    assert (ordinary.rung, ordinary.sentence) == (Rung.PDF, BEFORE[Rung.PDF])
    mixed = forecast_of(ORACLE, photo, any_restricted=True)
    assert (mixed.rung, mixed.sentence) == (Rung.PDF, f"{BEFORE[Rung.PDF]} {SENSITIVE_TOO}")
    alone = forecast_of(ORACLE, replace(photo, all_restricted=True), any_restricted=True)
    assert (alone.rung, alone.sentence) == (Rung.TEXT_NOTE, BEFORE[Rung.TEXT_NOTE])
    assert any("by policy such a chart gets words only" in each for each in alone.why_not)
    relaxed = forecast_of(ORACLE, replace(photo, all_restricted=True, words_only=False), any_restricted=True)
    assert relaxed.sentence == BEFORE[Rung.PDF]
    assert forecast_of(EVERYTHING, replace(photo, all_restricted=True), any_restricted=True).sentence == WHOLE


@pytest.mark.parametrize("rung", list(Rung))
def test_the_receipt_says_what_the_chart_holds(person: Person, parts: FakeParts, rung: Rung) -> None:
    capture, _ = person.ready()
    person.post(f"captures/{capture}/file")
    outcome = parts.captures.outcomes[CaptureId(capture)]
    document = None if rung.whole or rung is Rung.SIGNED_EXPORT else Reference("DocumentReference/copy")
    line = replace(outcome.filed[0], rung=rung, document=document)
    said_there = (f"{AFTER[rung]} {SMALLER}",)
    parts.captures.outcomes[CaptureId(capture)] = replace(outcome, filed=(line,), in_chart=said_there, whole=rung.whole)
    page = person.get(f"captures/{capture}/receipt").text
    said = words_of(page)
    assert said_there[0] in said
    assert ("Kept with the record by this app" in said) is not rung.whole
    assert ("In the record" in said) is rung.whole
    assert ("DocumentReference/copy" in page) is (document is not None)
    assert ('href="/l/amy/this-ehr"' in page.split("<main")[1].split("</main")[0]) is not rung.whole
