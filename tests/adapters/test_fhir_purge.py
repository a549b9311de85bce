"""How a server's answers to purging and looking are read: hostile ones, refusals, lost answers."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.fhir_purge import ACCEPTS, MOST_VERSIONS, FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import AnswerLost, PluginError, RecordRefused, RecordUnavailable, SignInNeeded
from mappings.model.identifiers import PatientId, Reference
from smart_launch import errors as smart
from tests.adapters.scripted_record import BASE, CANARY, outcome
from tests.conftest import OwnStores
from tests.fakes.transport import Answer, ScriptedTransport

Json = dict[str, Any]
MEDIA = Reference("Media/m1")


def statement(*operations: str, patient: tuple[str, ...] = ()) -> Answer:
    resources = [
        {"type": "Media", "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "history-instance"}]},
        {"type": "Patient", "interaction": [{"code": "read"}], "operation": [{"name": name} for name in patient]},
    ]
    rest = {"mode": "server", "resource": resources, "operation": [{"name": name} for name in operations]}
    return Answer(body={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]})


def purge(
    own: OwnStores, *script: Answer | smart.TransportError, vendor: str | None = None
) -> tuple[FhirPurge, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    ehr = FhirServerRecord(transport, BASE, lambda: "token", vendor=vendor)
    return FhirPurge(ehr, CompanionRecord(own.database, own.masters, BASE, own.clock), PatientId("p1")), transport


def media(version: str, **more: Any) -> Json:
    return {"resourceType": "Media", "id": "m1", "meta": {"versionId": version}, **more}


def history(*entries: Json) -> Answer:
    return Answer(body={"resourceType": "Bundle", "type": "history", "entry": list(entries)})


# ------------------------------------------------------------------------------------------ purging


def test_one_request_with_the_token_and_nothing_tried(own: OwnStores) -> None:
    purging, transport = purge(own, statement("expunge"), Answer(200, outcome("informational", "information")))
    assert purging.purge(MEDIA) == {"companion": "nothing", "ehr": "done"}
    metadata, asked = transport.asked
    assert "Authorization" not in metadata.headers
    assert (asked.method, asked.url) == ("POST", f"{BASE}/Media/m1/$expunge")
    assert asked.headers["Authorization"] == "Bearer token"
    assert asked.headers["Content-Type"] == "application/fhir+json"


def test_without_a_body_none_is_declared(own: OwnStores) -> None:
    purging, transport = purge(own, statement(), Answer(204), vendor="google")
    assert purging.purge(MEDIA)["ehr"] == "done"
    assert (transport.asked[-1].method, transport.asked[-1].url) == ("DELETE", f"{BASE}/Media/m1/$purge")
    assert transport.asked[-1].content == b""
    assert "Content-Type" not in transport.asked[-1].headers


def test_where_no_means_is_known_nothing_is_asked(own: OwnStores) -> None:
    purging, transport = purge(own, statement())
    assert purging.purge(MEDIA) == {"companion": "nothing", "ehr": "no-means"}
    assert [asked.method for asked in transport.asked] == ["GET"]


def test_what_the_server_has_no_type_for_is_not_asked_there(own: OwnStores) -> None:
    purging, transport = purge(own, statement("expunge"))
    assert purging.purge(Reference("Task/t1"))["ehr"] == "no-type"
    assert len(transport.asked) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(200), "done"),
        (Answer(200, b"All gone", "text/plain"), "done"),
        (Answer(200, {"count": 3}, "application/json"), "done"),
        (Answer(202, outcome("informational", "information")), "accepted"),
        (Answer(404, outcome("not-found")), "absent"),
        (Answer(410, outcome("deleted")), "absent"),
        (Answer(404, b"<html>", "text/html"), "absent"),
    ],
)
def test_what_an_answer_is_taken_for(own: OwnStores, answer: Answer, code: str) -> None:
    assert purge(own, statement("expunge"), answer)[0].purge(MEDIA)["ehr"] == code


def test_a_job_is_accepted_and_not_done(own: OwnStores) -> None:
    job = Answer(200, {"jobId": "5df4", "jobStatus": "SUBMITTED"}, "application/json")
    assert purge(own, statement(), job, vendor="healthlake")[0].purge(MEDIA)["ehr"] == "accepted"


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (Answer(403, outcome("forbidden")), RecordRefused, "forbidden"),
        (Answer(405, outcome("not-supported")), RecordRefused, "type-not-supported"),
        (Answer(404, outcome("not-supported")), RecordRefused, "type-not-supported"),
        (Answer(400, outcome("required")), RecordRefused, "record-refused"),
        (Answer(200, outcome("exception")), AnswerLost, "unusable-answer"),
        (Answer(401), SignInNeeded, "sign-in-needed"),
        (Answer(500, outcome("exception")), AnswerLost, "answer-lost"),
        (Answer(503, headers=(("Retry-After", "5"),)), RecordUnavailable, "record-unavailable"),
        (Answer(302, headers=(("Location", "https://elsewhere.example/"),)), RecordRefused, "redirected"),
        (smart.AnswerLost("x", code="timeout"), AnswerLost, "answer-lost"),
        (smart.NotSent("x", code="refused"), RecordUnavailable, "record-unavailable"),
    ],
)
def test_what_is_no_yes_is_raised_and_quotes_nothing(
    own: OwnStores, answer: Answer | smart.TransportError, error: type[PluginError], code: str
) -> None:
    with pytest.raises(error) as raised:
        purge(own, statement("expunge"), answer)[0].purge(MEDIA)
    assert raised.value.code == code
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("reference", ["Media/../Patient", "Media", "media/m1", "Media/m1/_history/1", "Media/a b", ""])
def test_what_is_no_resource_is_never_asked_for(own: OwnStores, reference: str) -> None:
    purging, transport = purge(own)
    for act in (purging.purge, purging.versions):
        with pytest.raises(RecordRefused):
            act(Reference(reference))
    assert transport.asked == []


# ------------------------------------------------------------------------------------------ versions


def deletion(version: str) -> Json:
    return {"request": {"method": "DELETE", "url": "Media/m1"}, "response": {"status": "204", "etag": f'W/"{version}"'}}


def missing(times: int) -> list[Answer]:
    return [Answer(404, outcome("not-found"))] * times


def test_history_and_every_number_are_asked(own: OwnStores) -> None:
    told = history(deletion("3"), {"resource": media("1", status="completed")})
    hidden = Answer(body=media("2", status="in-progress"))
    purging, transport = purge(own, statement(), told, Answer(410), hidden, *missing(5))
    found = purging.versions(MEDIA)
    assert found == {
        "3": None,
        "1": media("1", status="completed"),
        "2": media("2", status="in-progress"),
    }, "version 2 answers although the history does not tell of it"
    asked = [each.url.rpartition("/")[2] for each in transport.asked[2:]]
    assert asked == ["3", "2", "4", "5", "6", "7", "8"]


def test_a_deletion_that_answers_with_content_is_content(own: OwnStores) -> None:
    purging, _ = purge(own, statement(), history(deletion("1")), Answer(body=media("1")), *missing(5))
    assert purging.versions(MEDIA) == {"1": media("1")}


def test_no_history_is_no_proof_that_there_are_no_versions(own: OwnStores) -> None:
    purging, _ = purge(own, statement(), Answer(410), *missing(2), Answer(body=media("3")), *missing(5))
    assert purging.versions(MEDIA) == {"3": media("3")}


def test_a_version_that_says_it_was_a_deletion_is_one_and_ends_no_looking(own: OwnStores) -> None:
    purging, _ = purge(own, statement(), Answer(404), Answer(410), Answer(body=media("2")), *missing(5))
    assert purging.versions(MEDIA) == {"1": None, "2": media("2")}


def test_versions_that_are_no_numbers_are_known_from_the_history(own: OwnStores) -> None:
    told = history({"resource": media("0b1c-a")}, {"resource": {"resourceType": "Media", "id": "m1"}})
    purging, _ = purge(own, statement(), told, *missing(5))
    assert purging.versions(MEDIA) == {"0b1c-a": media("0b1c-a"), "untold-1": {"resourceType": "Media", "id": "m1"}}


def test_where_versions_cannot_be_read_the_history_is_all_there_is(own: OwnStores) -> None:
    refused = Answer(405, outcome("not-supported"))
    purging, _ = purge(own, statement(), history({"resource": media("1")}), *[refused] * 5)
    assert purging.versions(MEDIA) == {"1": media("1")}


@pytest.mark.parametrize("status", [403, 405, 500])
def test_a_history_that_cannot_be_asked_is_not_taken_for_an_empty_one(own: OwnStores, status: int) -> None:
    purging, _ = purge(own, statement(), Answer(status, outcome("forbidden")))
    with pytest.raises((RecordRefused, RecordUnavailable)):
        purging.versions(MEDIA)


def test_a_version_that_is_forbidden_is_not_taken_for_none(own: OwnStores) -> None:
    purging, _ = purge(own, statement(), Answer(404, outcome("not-found")), Answer(403, outcome("forbidden")))
    with pytest.raises(RecordRefused):
        purging.versions(MEDIA)


def test_more_versions_than_can_be_looked_at_are_not_passed_over(own: OwnStores) -> None:
    purging, _ = purge(own, statement(), history({"resource": media(str(MOST_VERSIONS + 1))}), *missing(MOST_VERSIONS))
    with pytest.raises(RecordRefused) as refused:
        purging.versions(MEDIA)
    assert refused.value.code == "too-many-versions"


# ------------------------------------------------------------------------------------------ bytes, everything


def test_a_refusal_of_bytes_is_an_answer(own: OwnStores) -> None:
    answers = [Answer(status, b"x", "image/jpeg") for status in (200, 404, 406, 410, 403, 501)]
    found = purge(own, *answers)[0].binary_answers(Reference("Binary/b1"), [])
    assert [each.status for each in found] == [200, 404, 406, 410, 403, 501]
    assert [each.asked for each in found] == [f"read {accept}" for accept in ACCEPTS]
    assert found[0].content == b"x"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SignInNeeded), (429, RecordUnavailable), (500, RecordUnavailable), (503, RecordUnavailable)],
)
def test_what_says_nothing_of_the_bytes_is_no_answer(own: OwnStores, status: int, error: type[PluginError]) -> None:
    with pytest.raises(error):
        purge(own, Answer(status))[0].binary_answers(Reference("Binary/b1"), [])


def test_everything_follows_its_pages_within_the_record(own: OwnStores) -> None:
    first = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": media("1")}, {"search": {}}, "x"],
        "link": [{"relation": "next", "url": f"{BASE}/Patient/p1/$everything?page=2"}],
    }
    last = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": media("2")}]}
    purging, transport = purge(own, statement(patient=("everything",)), Answer(body=first), Answer(body=last))
    assert list(purging.everything(PatientId("p1"))) == [media("1"), media("2")]
    assert transport.asked[1].url == f"{BASE}/Patient/p1/$everything?_count=100"


def test_everything_that_leads_elsewhere_is_not_a_whole_answer(own: OwnStores) -> None:
    link = [{"relation": "next", "url": "https://elsewhere.example/fhir/Patient/p1/$everything?page=2"}]
    page = {"resourceType": "Bundle", "type": "searchset", "link": link}
    purging, _ = purge(own, statement(patient=("everything",)), Answer(body=page))
    with pytest.raises(RecordRefused) as refused:
        list(purging.everything(PatientId("p1")))
    assert refused.value.code == "outside-base"


def test_everything_is_not_asked_of_who_does_not_offer_it(own: OwnStores) -> None:
    purging, transport = purge(own, statement())
    with pytest.raises(RecordRefused) as refused:
        purging.everything(PatientId("p1"))
    assert refused.value.code == "operation-not-supported"
    assert len(transport.asked) == 1
