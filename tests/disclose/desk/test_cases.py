"""Requests as cases: who may, whose, the clock, the hold, the list, and how they end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from fhir_plugin.disclose.desk.values import REVEAL_REASONS, Facts
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.policy.holds import reasons
from fhir_plugin.ports import Compartment
from mappings.model.disclosure import Mode, Opinion, Requester
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import PatientId
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkKind
from tests.disclose.desk.bench import (
    AMY,
    AUDITOR,
    COLLEAGUE,
    DOCTOR,
    GUARDIAN,
    HERE,
    INSURER,
    OFFICER,
    PRIVACY,
    SAID,
    TRIAGE,
    DeskBench,
    session,
)
from tests.fakes.whole_record import ORDINARY

KEY = ItemKey(f"Media/{ORDINARY}")
Act = Callable[[DeskBench, ClinicalSession, DisclosureRequest], object]

EVERY_ACT: dict[str, Act] = {
    "change": lambda b, s, r: b.desk.change(s, r.id, Facts({"purpose": "x"}), revision=r.revision),
    "extend": lambda b, s, r: b.desk.extend(s, r.id, "Large.", TODAY, revision=r.revision),
    "refuse": lambda b, s, r: b.desk.refuse(s, r.id, "No right.", closed=False, revision=r.revision),
    "gather": lambda b, s, r: b.desk.gather(s, r.id),
    "view": lambda b, s, r: b.desk.view(s, r.id),
    "words": lambda b, s, r: b.desk.words(s, r.id, KEY),
    "reveal": lambda b, s, r: b.desk.reveal(s, r.id, KEY, "Direct care"),
    "picture": lambda b, s, r: b.desk.picture(s, r.id, KEY),
    "upright": lambda b, s, r: b.desk.upright(s, r.id, KEY, 1),
    "decide": lambda b, s, r: b.desk.decide(s, r.id, [KEY], Decided.REDACT, "Because.", revision=r.revision),
    "read": lambda b, s, r: b.desk.read(s, r.id, KEY, revision=r.revision),
    "ask_opinion": lambda b, s, r: b.desk.ask_opinion(s, r.id, KEY, "Harm?", revision=r.revision),
    "opine": lambda b, s, r: b.desk.opine(s, r.id, KEY, Opinion.NO_HARM, "None.", revision=r.revision),
    "accept_unread": lambda b, s, r: b.desk.accept_unread(s, r.id, "Old.", revision=r.revision),
    "black_out": lambda b, s, r: b.desk.black_out(s, r.id, KEY, Geometry(1), revision=r.revision),
    "sign": lambda b, s, r: b.desk.sign(s, r.id, s.user.display, about="x", revision=r.revision),
    "preview": lambda b, s, r: b.desk.preview(s, r.id),
    "open_preview": lambda b, s, r: b.desk.open_preview(s, r.id, REVEAL_REASONS[-1]),
    "as_sent": lambda b, s, r: b.desk.as_sent(s, r.id, "record.html"),
    "package": lambda b, s, r: b.desk.package(s, r.id),
}
TODAY = "2026-03-02"
OF_NOBODYS = {"of_patient", "of_practice", "accounting", "begin"}


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench()


@pytest.mark.parametrize("act", EVERY_ACT)
@pytest.mark.parametrize("who", [TRIAGE, AUDITOR], ids=["triage", "auditor"])
def test_whoever_has_no_role_at_the_desk_is_refused_everything(
    bench: DeskBench, act: str, who: ClinicalSession
) -> None:
    request = bench.gathered()
    with pytest.raises(NotAllowed):
        EVERY_ACT[act](bench, who, request)
    assert bench.requests.get(request.id) == request


def test_they_see_no_list_either(bench: DeskBench) -> None:
    for who in (TRIAGE, AUDITOR):
        for ask in (bench.desk.of_patient, bench.desk.of_practice, bench.desk.accounting):
            with pytest.raises(NotAllowed):
                ask(who)
    for who in (TRIAGE, AUDITOR, PRIVACY, GUARDIAN, DOCTOR):
        with pytest.raises(NotAllowed):
            bench.desk.begin(who, Facts(SAID))


@pytest.mark.parametrize("act", EVERY_ACT)
def test_a_request_does_not_exist_for_a_launch_of_another_patient(bench: DeskBench, act: str) -> None:
    request = bench.gathered()
    elsewhere = session("officer", *Role, patient=PatientId("sam"))
    with pytest.raises(NotFound):
        EVERY_ACT[act](bench, elsewhere, request)
    assert bench.requests.get(request.id) == request


@pytest.mark.parametrize(
    ("act", "allowed"),
    [
        ("change", {"officer"}),
        ("extend", {"officer"}),
        ("refuse", {"officer"}),
        ("gather", {"officer"}),
        ("accept_unread", {"officer"}),
        ("black_out", {"officer"}),
        ("decide", {"officer"}),
        ("opine", {"doctor"}),
        ("preview", {"officer", "privacy", "guardian"}),
        ("open_preview", {"officer", "privacy", "guardian"}),
        ("as_sent", {"officer", "privacy", "guardian"}),
        ("view", {"officer", "privacy", "guardian", "doctor"}),
    ],
)
def test_each_act_has_its_roles(bench: DeskBench, act: str, allowed: set[str]) -> None:
    request = bench.gathered()
    for who in (OFFICER, PRIVACY, GUARDIAN, DOCTOR):
        name = who.user.display.removeprefix("Edwin ")
        current = bench.requests.get(request.id)
        try:
            EVERY_ACT[act](bench, who, current)
            said = True
        except NotAllowed as refused:
            said = refused.code == "reveal-first"
        except (Refused, NotFound):
            said = True
        assert said is (name in allowed), (act, name)


def test_the_list_across_patients_says_names_and_clocks_only(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.decided(request, KEY, Decided.REDACT)
    (listed,) = bench.desk.of_practice(PRIVACY)
    assert (listed.patient_name, listed.requester) == ("Amy Example", Requester.INSURER)
    assert not (listed.recipient or listed.overrides or listed.relationship or listed.gathered or listed.purpose)
    assert bench.desk.due(listed) == bench.desk.due(bench.requests.get(request.id))


def test_the_list_begins_with_what_is_due_first(bench: DeskBench) -> None:
    late = bench.desk.begin(OFFICER, Facts(SAID | {"received": "2026-01-05"}))
    court = bench.desk.begin(OFFICER, Facts(SAID | {"requester": "court-order", "received": "2026-03-02"}))
    soon = bench.desk.begin(OFFICER, Facts(SAID | {"received": "2026-03-02"}))
    assert [each.id for each in bench.desk.of_practice(OFFICER)][:2] == [late.id, soon.id]
    assert court.id in [each.id for each in bench.desk.of_practice(OFFICER)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requester", "the-neighbour"),
        ("requester", ""),
        ("received", "2026-03-03"),
        ("received", "yesterday"),
        ("received", "1066-10-14"),
        ("received", ""),
        ("consent", "maybe"),
        ("agrees", "perhaps"),
        ("mode", "silent"),
        ("identity_on", "2026-02-01"),
        ("purpose", "x" * 2001),
    ],
)
def test_what_cannot_be_is_told_at_its_field(bench: DeskBench, field: str, value: str) -> None:
    with pytest.raises(Incomplete) as raised:
        bench.desk.begin(OFFICER, Facts(SAID | {"received": "2026-03-01", field: value}))
    assert set(raised.value.fields) == {field}
    assert bench.desk.of_patient(OFFICER) == [] and bench.holds.of_patient(HERE, AMY) == []


def test_silence_is_for_those_who_may_have_it(bench: DeskBench) -> None:
    assert bench.desk.allowed_modes(Requester.PATIENT) == (Mode.MARKED,)
    request = bench.begun(INSURER | {"mode": "silent"})
    assert request.mode is Mode.SILENT
    changed = bench.desk.change(OFFICER, request.id, Facts({"requester": "patient"}), revision=request.revision)
    assert changed.mode is Mode.MARKED, "who asks now has to be told"


def test_the_clock_begins_with_the_proof_that_was_asked_for_and_is_extended_once(bench: DeskBench) -> None:
    request = bench.desk.begin(OFFICER, Facts(SAID | {"received": "2026-02-02"}))
    assert bench.desk.due(request) == (dt.date(2026, 3, 2), 0)
    request = bench.desk.change(OFFICER, request.id, Facts({"identity_on": "2026-02-10"}), revision=request.revision)
    assert bench.desk.due(request) == (dt.date(2026, 3, 10), 8)
    for untold in ("", "soon", "2026-03-03", "2026-02-01"):
        with pytest.raises(Incomplete) as raised:
            bench.desk.extend(OFFICER, request.id, "It is large.", untold, revision=request.revision)
        assert set(raised.value.fields) == {"told"}
    request = bench.desk.extend(OFFICER, request.id, " It is large. ", TODAY, revision=request.revision)
    assert request.extended_told == dt.date(2026, 3, 2)
    assert bench.desk.due(request)[0] == dt.date(2026, 5, 11)  # the tenth is a Sunday
    (item,) = bench.worklist.of_patient(HERE, AMY)
    assert (item.kind, item.due.date()) == (WorkKind.DISCLOSURE, dt.date(2026, 5, 12))
    with pytest.raises(Refused, match="already"):
        bench.desk.extend(OFFICER, request.id, "Again.", TODAY, revision=request.revision)
    with pytest.raises(Incomplete):
        bench.desk.extend(OFFICER, request.id, "  ", TODAY, revision=request.revision)


def test_a_time_that_is_over_is_not_extended_and_one_without_limit_has_none(bench: DeskBench) -> None:
    late = bench.desk.begin(OFFICER, Facts(SAID | {"received": "2026-01-05"}))
    assert bench.view(late).days_left == -25
    with pytest.raises(Refused, match="over"):
        bench.desk.extend(OFFICER, late.id, "Forgot.", TODAY, revision=late.revision)
    told = bench.desk.extend(OFFICER, late.id, "We told them in time.", "2026-02-05", revision=late.revision)
    assert bench.view(told).days_left == 36 and told.extended_told == dt.date(2026, 2, 5)
    court = bench.desk.begin(OFFICER, Facts(SAID | {"requester": "court-order", "received": "2026-03-02"}))
    assert (bench.view(court).due, bench.view(court).days_left) == (None, None)
    with pytest.raises(Refused, match="cannot be extended"):
        bench.desk.extend(OFFICER, court.id, "Large.", TODAY, revision=court.revision)


def test_while_one_request_is_open_nothing_of_this_patient_is_destroyed(bench: DeskBench) -> None:
    one, two = bench.begun(), bench.begun(INSURER)
    assert [each.code for each in reasons(bench.holds.of_patient(HERE, AMY))] == ["open-access-request"]
    bench.desk.refuse(OFFICER, one.id, "Asked twice.", closed=True, revision=one.revision)
    assert reasons(bench.holds.of_patient(HERE, AMY))
    bench.desk.refuse(COLLEAGUE, two.id, "No authority.", closed=False, revision=two.revision)
    assert not reasons(bench.holds.of_patient(HERE, AMY))
    assert [bench.requests.get(each.id).state for each in (one, two)] == [RequestState.CLOSED, RequestState.REFUSED]
    assert bench.worklist.of_patient(HERE, AMY) == []


def test_what_was_read_goes_with_the_request(bench: DeskBench) -> None:
    request = bench.gathered()
    assert bench.vault.items(compartment=Compartment.PACKAGE_PART)
    bench.desk.refuse(OFFICER, request.id, "Taken back.", closed=True, revision=request.revision)
    assert bench.vault.items(compartment=Compartment.PACKAGE_PART) == []
    assert bench.view(request).items == ()
    for act in ("change", "extend", "refuse", "gather", "decide", "sign"):
        with pytest.raises(Refused):
            EVERY_ACT[act](bench, OFFICER, bench.requests.get(request.id))


@pytest.mark.parametrize("act", ["change", "extend", "refuse", "decide", "ask_opinion", "sign"])
def test_a_page_that_somebody_overtook_changes_nothing(bench: DeskBench, act: str) -> None:
    request = bench.gathered()
    overtaken = bench.desk.change(COLLEAGUE, request.id, Facts({"purpose": "Claim"}), revision=request.revision)
    with pytest.raises(AnswersChanged):
        EVERY_ACT[act](bench, OFFICER, request)
    assert bench.requests.get(request.id) == overtaken


def test_every_act_is_in_the_audit_trail_without_a_word(bench: DeskBench) -> None:
    request = bench.gathered(SAID | {"purpose": "canary purpose", "recipient": "canary recipient"})
    bench.desk.words(OFFICER, request.id, KEY)
    bench.decided(request, KEY, Decided.REDACT)
    bench.desk.refuse(OFFICER, request.id, "canary why", closed=True, revision=bench.requests.get(request.id).revision)
    actions = [each.entry.action for each in bench.audit.entries()]
    assert actions == [
        "disclosure.opened",
        "disclosure.reading",
        "disclosure.read",
        "disclosure.item-read",
        "disclosure.decided",
        "disclosure.closed",
    ]
    assert "canary" not in bench.said() and "Example" not in bench.said()
