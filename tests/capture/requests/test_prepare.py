"""Before a link may exist: every answer that is missing is named, and nothing is carried over or filled in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.requests.asking import MOST_LINKS, seen_as
from fhir_plugin.capture.requests.prepare import confirmed_number
from fhir_plugin.capture.requests.request import NumberConfirmed, RequestState
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.policy.choices import IntimateDefault, ParentContact, SexualHealthUnder16
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.identifiers import PatientId
from mappings.model.people import Role
from tests.capture.bench import SESSION
from tests.capture.requests.bench import CONFIRMED, FORM, PRIVATE, Asking, clinician

CHILD = {"asked": "parent", "parent_words": "Her mother, seen here before"}
COMPETENT = {"asked": "competent-child", "own_phone": "yes", "gillick_words": "Explains it back, 15 years"}


def born(day: str) -> Asking:
    asking = Asking()
    asking.bench.patient["birthDate"] = day
    return asking


def missing(asking: Asking, **form: str) -> set[str]:
    with pytest.raises(Incomplete) as refused:
        asking.prepared(**form)
    assert asking.requests_store.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    return set(refused.value.fields)


@pytest.mark.parametrize("name", sorted(set(FORM) - {"cover"}))
def test_every_answer_is_needed(name: str) -> None:
    assert missing(Asking(), **{name: ""}) == {name}


@pytest.mark.parametrize(
    "name",
    ["remote_right", "image_enough", "necessary", "justified", "beneficial", "best_interests", "speaks_freely"],
)
def test_no_means_no_link(name: str) -> None:
    assert missing(Asking(), **{name: "no"}) == {name}


@pytest.mark.parametrize("name", sorted(PRIVATE.keys() - {"private_allowed"}))
def test_a_private_photo_needs_more(name: str) -> None:
    assert missing(Asking(), **{**PRIVATE, name: ""}) == {name}


def test_a_private_photo_that_can_wait_is_not_asked_for() -> None:
    assert missing(Asking(), **{**PRIVATE, "can_wait": "yes"}) == {"can_wait"}
    assert missing(Asking(), **{**PRIVATE, "spoken_first": "no"}) == {"spoken_first"}


def test_an_organisation_may_ask_for_no_private_photos_at_all() -> None:
    pack = replace(shipped_pack(), intimate_default=IntimateDefault.NO_REMOTE_INTIMATE)
    assert missing(Asking(policy=pack), **PRIVATE) == {"private_allowed"}


def test_a_private_photo_of_a_child_needs_a_reason_that_the_law_knows() -> None:
    asking = born("2010-01-01")
    assert missing(asking, **PRIVATE) == {"legitimate_reason"}
    assert asking.prepared(**PRIVATE, legitimate_reason="To exclude torsion, seen by no other way")


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({}, "asked"),
        ({"asked": "parent"}, "parent_words"),
        ({**COMPETENT, "own_phone": ""}, "own_phone"),
        ({**COMPETENT, "gillick_words": ""}, "gillick_words"),
    ],
)
def test_under_16_a_parent_or_a_competent_child_on_their_own_phone(form: dict[str, str], wrong: str) -> None:
    asking = born("2012-06-01")
    assert missing(asking, **form) == {wrong}
    assert asking.prepared(**CHILD)
    assert asking.prepared(**COMPETENT, justification="Another reason, on another day")


def test_a_parents_phone_gets_a_competent_childs_link_only_where_policy_and_child_say_so() -> None:
    """X21: never by itself; and no pack lets it happen without the child."""
    agreed = {**COMPETENT, "own_phone": "", "parents_may_know": "yes"}
    never, ask = born("2012-06-01"), Asking(policy=replace(shipped_pack(), parent_contact=ParentContact.ASK_CHILD))
    ask.bench.patient["birthDate"] = "2012-06-01"
    assert missing(never, **agreed) == {"parents_may_know"}
    assert missing(never, **{**agreed, "own_phone": "yes"}) == {"parents_may_know"}
    assert missing(ask, **{**agreed, "parents_may_know": ""}) == {"own_phone"}
    request = ask.prepared(**agreed)
    assert request.parents_may_know and not request.own_phone
    asked = ask.prepared(**CHILD, parents_may_know="yes", justification="Another reason, on another day")
    assert not asked.parents_may_know, "a parent is asked anyhow"


@pytest.mark.parametrize("day", ["1980-05-01", "2009-06-01"])
@pytest.mark.parametrize("form", [CHILD, COMPETENT])
def test_from_16_nobody_else_is_asked(day: str, form: dict[str, str]) -> None:
    assert missing(born(day), **form) == {"asked"}


def test_sexual_health_under_16_follows_the_organisation() -> None:
    sexual = {**CHILD, "sexual_health": "yes"}
    blocked = replace(shipped_pack(), sexual_health_under_16=SexualHealthUnder16.BLOCKED)
    asking = Asking(policy=blocked)
    asking.bench.patient["birthDate"] = "2012-06-01"
    assert missing(asking, **sexual) == {"sexual_health"}
    allowed = replace(shipped_pack(), sexual_health_under_16=SexualHealthUnder16.EXCEPTIONAL_WITH_SECOND_CLINICIAN)
    asking = Asking(policy=allowed)
    asking.bench.patient["birthDate"] = "2012-06-01"
    assert missing(asking, **sexual) == {"exceptional_reason"}
    adult = Asking(policy=blocked)
    assert missing(adult, sexual_health="yes", vulnerable="yes") == {"sexual_health"}
    assert adult.prepared(sexual_health="yes")


def test_a_justification_is_never_used_twice() -> None:
    asking = Asking()
    asking.prepared()
    with pytest.raises(Incomplete) as refused:
        asking.prepared(justification=f"  {FORM['justification'].upper()}!")
    assert set(refused.value.fields) == {"justification"}
    assert asking.prepared(justification="The rash has spread since Monday")


def test_the_patients_wish_to_be_seen_needs_an_answer() -> None:
    assert missing(Asking(), preference="in-person") == {"preference_reason"}


@pytest.mark.parametrize("text", [None, "1980", "1980-05"])
def test_without_a_whole_date_of_birth_there_is_no_link(text: str | None) -> None:
    asking = Asking()
    if text is None:
        del asking.bench.patient["birthDate"]
    else:
        asking.bench.patient["birthDate"] = text
    with pytest.raises(Refused, check=lambda error: error.code == "no-birth-date"):
        asking.prepared()


def test_nobody_asks_somebody_who_has_died() -> None:
    asking = Asking()
    asking.bench.patient["deceasedBoolean"] = True
    with pytest.raises(Refused, check=lambda error: error.code == "deceased"):
        asking.prepared()


@pytest.mark.parametrize(
    ("form", "how"),
    [
        (CONFIRMED, NumberConfirmed.TYPED_TWICE),
        ({"number": "+44 7700 900123", "read_back": "yes"}, NumberConfirmed.READ_BACK),
    ],
)
def test_a_number_is_confirmed_each_time(form: dict[str, str], how: NumberConfirmed) -> None:
    assert confirmed_number(form)[1] is how


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"number": "07700900123"},
        {"number": "07700900123", "number_again": "07700900124"},
        {"number": "07700900123", "number_again": "07700900124", "read_back": "yes"},
        {"number": "12", "number_again": "12"},
        {"number": "07700900123; rm", "read_back": "yes"},
        {"number": "\u0660" * 11, "read_back": "yes"},
        {"read_back": "yes"},
    ],
)
def test_a_number_that_is_not_confirmed_is_not_used(form: dict[str, str]) -> None:
    with pytest.raises(Incomplete):
        confirmed_number(form)


def test_the_message_names_nobody_and_nothing_of_the_body() -> None:
    asking = Asking()
    issued, _ = asking.issue(asking.prepared(**PRIVATE))
    for word in ("Amy", "Example", "rash", "forearm", "1980", "900123", "private", "Dr Grey"):
        assert word not in issued.text
    assert "Elm Surgery" in issued.text
    assert issued.link in issued.text
    assert "999" in issued.text
    assert "01632 960001" in issued.text


def test_the_number_is_forgotten_when_the_request_is_over() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    assert asking.now(request_id).number == "07700900123"
    asking.visits.decline(door)
    assert asking.now(request_id).number == ""


def test_links_of_one_request_are_counted() -> None:
    asking = Asking()
    request = asking.prepared()
    for _ in range(MOST_LINKS):
        asking.issue(request)
        request = asking.now(request.request_id)
    with pytest.raises(Refused, check=lambda error: error.code == "too-many-links"):
        asking.issue(request)


@pytest.mark.parametrize("end", ["decline", "cancel", "answer"])
def test_what_is_over_gets_no_new_link(end: str) -> None:
    asking = Asking()
    if end == "answer":
        request_id, _ = asking.answered()
    else:
        request_id, door = asking.sent()
        if end == "decline":
            asking.visits.decline(door)
        else:
            asking.requests.cancel(SESSION, request_id, seen=seen_as(asking.now(request_id)))
    with pytest.raises(Refused, check=lambda error: error.code == "request-state"):
        asking.issue(asking.now(request_id))


def test_another_chart_and_another_role_see_nothing() -> None:
    asking = Asking()
    request_id, _ = asking.sent()
    elsewhere = replace(SESSION, patient_id=PatientId("p2"))
    with pytest.raises(NotFound):
        asking.requests.get(elsewhere, request_id)
    assert asking.requests.of_patient(elsewhere) == []
    triage = replace(SESSION, user=replace(SESSION.user, roles=frozenset({Role.TRIAGE})))
    with pytest.raises(NotAllowed):
        asking.requests.of_patient(triage)
    assert asking.requests.get(clinician("cover"), request_id).request.state is RequestState.SENT


def test_messaging_that_is_down_loses_no_link() -> None:
    asking = Asking()
    asking.messages.down = True
    issued, door = asking.issue(asking.prepared())
    assert not issued.handed_over
    assert asking.visits.open(door)


def test_a_message_that_was_not_fetched_is_taken_back_with_its_link() -> None:
    asking = Asking()
    request_id, _ = asking.sent()
    asking.issue(asking.now(request_id))
    assert len(asking.messages.sent) == 1
    asking.requests.cancel(SESSION, request_id, seen=seen_as(asking.now(request_id)))
    assert asking.messages.sent == {}
