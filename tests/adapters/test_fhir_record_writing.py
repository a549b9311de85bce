"""A FHIR server's record: transactions, bytes and histories."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import AnswerLost, NotFound, PluginError, RecordRefused, RecordUnavailable, TooLarge
from fhir_plugin.ports import Stored, TransactionEntry
from mappings.model.identifiers import Reference
from tests.adapters.scripted_record import BASE, MEDIA, STATEMENT, outcome, record
from tests.fakes.transport import Answer

# ---------------------------------------------------------------------------------- transactions

TWO = [
    TransactionEntry("PUT", "Media/m1", MEDIA),
    TransactionEntry("POST", "Provenance", {"resourceType": "Provenance"}, "urn:uuid:1"),
]


def response(*entries: Any) -> Answer:
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": list(entries)}
    return Answer(200, body)


def test_each_entry_tells_its_own_fate() -> None:
    outcomes = record(
        response(
            {"response": {"status": "201 Created", "location": "Media/m1/_history/1"}},
            {"response": {"status": "400", "outcome": outcome("invalid")}},
        )
    )[0].transact(TWO)
    assert [(o.status, o.ok) for o in outcomes] == [(201, True), (400, False)]
    assert outcomes[0].stored == Stored("Media", "m1", "1")
    assert outcomes[1].message == "invalid"


@pytest.mark.parametrize(
    "second",
    [
        None,
        {},
        {"response": {}},
        {"response": {"status": ""}},
        {"response": {"status": "OK"}},
        {"response": {"status": "201 Created"}},
        {"response": {"status": "201 Created", "location": "Media/9"}},
        {"response": {"status": "201 Created", "location": "Provenance/9", "outcome": outcome()}},
        "201",
    ],
)
def test_an_entry_without_a_usable_answer_did_not_succeed(second: Any) -> None:
    first = {"response": {"status": "200 OK", "etag": 'W/"4"'}}
    outcomes = record(response(first, second))[0].transact(TWO)
    assert outcomes[0].stored == Stored("Media", "m1", "4")
    assert (outcomes[1].status, outcomes[1].stored, outcomes[1].ok) == (0, None, False)


def test_entries_that_are_missing_did_not_succeed() -> None:
    outcomes = record(response({"response": {"status": "200"}}))[0].transact(TWO)
    assert [o.status for o in outcomes] == [200, 0]
    assert [o.status for o in record(response())[0].transact(TWO)] == [0, 0]


def test_more_answers_than_questions_are_not_matched_up() -> None:
    with pytest.raises(AnswerLost):
        record(response(*[{"response": {"status": "200"}}] * 3))[0].transact(TWO)


def test_a_refused_transaction_is_refused_and_a_broken_one_unknown() -> None:
    with pytest.raises(RecordRefused):
        record(Answer(400, outcome()))[0].transact(TWO)
    with pytest.raises(AnswerLost):
        record(Answer(500, outcome()))[0].transact(TWO)
    with pytest.raises(AnswerLost):
        record(Answer(200, outcome()))[0].transact(TWO)


def test_nothing_to_do_asks_nothing() -> None:
    assert record()[0].transact([]) == []


# ---------------------------------------------------------------------------------- bytes

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
SENT = Answer(201, b"", "", (("Location", "Binary/b1/_history/1"),))


def put_binary(reached: FhirServerRecord, id: str | None = "b1") -> Stored:
    return reached.create_binary(JPEG, "image/jpeg", id=id, security_context=Reference("Media/m1"))


def test_raw_bytes_carry_their_type_and_their_security_context() -> None:
    reached, transport = record(Answer(200, STATEMENT), SENT)
    assert put_binary(reached) == Stored("Binary", "b1", "1")
    asked = transport.asked[1]
    assert (asked.method, asked.url, asked.content) == ("PUT", f"{BASE}/Binary/b1", JPEG)
    assert asked.headers["Content-Type"] == "image/jpeg"
    assert asked.headers["X-Security-Context"] == "Media/m1"


@pytest.mark.parametrize("status", [400, 406, 415, 422, 501])
@pytest.mark.parametrize("id", ["b1", None])
def test_bytes_that_are_not_taken_raw_go_as_json(status: int, id: str | None) -> None:
    forms = BinaryForms()
    reached, transport = record(Answer(200, STATEMENT), Answer(status), SENT, SENT, binary_forms=forms)
    put_binary(reached, id)
    sent = json.loads(transport.asked[2].content)
    assert base64.b64decode(sent["data"]) == JPEG
    assert sent["contentType"] == "image/jpeg"
    assert sent["securityContext"] == {"reference": "Media/m1"}
    assert sent.get("id") == id
    assert forms.raw_taken(BASE) is False
    put_binary(reached, id)
    assert transport.asked[3].headers["Content-Type"] == "application/fhir+json"
    assert transport.finished


def test_a_500_may_have_written_so_only_our_id_is_tried_again() -> None:
    reached, transport = record(Answer(200, STATEMENT), Answer(500), SENT)
    put_binary(reached, "b1")
    assert transport.finished
    reached, transport = record(Answer(200, STATEMENT), Answer(500), SENT)
    with pytest.raises(AnswerLost):
        put_binary(reached, None)
    assert not transport.finished


def test_a_server_known_to_take_raw_bytes_is_not_sent_json_after_a_500() -> None:
    forms = BinaryForms()
    forms.remember(BASE, raw=True)
    reached, transport = record(Answer(500), SENT, binary_forms=forms)
    with pytest.raises(AnswerLost):
        put_binary(reached)
    assert len(transport.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429, 503])
def test_a_refusal_that_is_not_about_the_form_is_not_retried(status: int) -> None:
    reached, transport = record(Answer(200, STATEMENT), Answer(status, headers=(("Retry-After", "1"),)))
    with pytest.raises(PluginError):
        put_binary(reached)
    assert len(transport.asked) == 2


def test_too_large_is_not_tried_larger() -> None:
    too_large = Answer(400, outcome("too-long"))
    reached, transport = record(Answer(200, STATEMENT), too_large)
    with pytest.raises(TooLarge):
        put_binary(reached)
    assert len(transport.asked) == 2


WRAPPED = {"resourceType": "Binary", "contentType": "image/jpeg", "data": base64.b64encode(JPEG).decode()}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, JPEG, "image/jpeg"),
        Answer(200, JPEG, "IMAGE/JPEG; charset=binary"),
        Answer(200, WRAPPED),
        Answer(200, WRAPPED, "application/json; charset=utf-8"),
        Answer(200, {**WRAPPED, "data": base64.encodebytes(JPEG).decode()}),
    ],
)
def test_bytes_are_read_in_either_form(answer: Answer) -> None:
    found = record(answer)[0].read_binary("Binary/b1")
    assert (found.content, found.content_type) == (JPEG, "image/jpeg")


@pytest.mark.parametrize(
    "first", [Answer(406), Answer(200, b"<Binary/>", "application/fhir+xml"), Answer(200, b"<p>", "text/html")]
)
def test_a_server_that_does_not_like_the_question_is_asked_for_json(first: Answer) -> None:
    reached, transport = record(first, Answer(200, WRAPPED))
    assert reached.read_binary(f"{BASE}/Binary/b1").content == JPEG
    assert transport.asked[1].headers["Accept"] == "application/fhir+json"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, outcome()),
        Answer(200, {"resourceType": "Binary", "contentType": "image/jpeg"}),
        Answer(200, {"resourceType": "Binary", "data": WRAPPED["data"]}),
        Answer(200, {**WRAPPED, "data": "!!!!"}),
        Answer(200, {**WRAPPED, "data": WRAPPED["data"][:-2]}),
        Answer(200, {**WRAPPED, "resourceType": "Media"}),
        Answer(200, JPEG, ""),
        Answer(204),
    ],
)
def test_what_is_no_image_is_not_given_as_one(answer: Answer) -> None:
    with pytest.raises(RecordUnavailable):
        record(answer)[0].read_binary("Binary/b1")


# ---------------------------------------------------------------------------------- history


def test_a_history_shows_deletions_and_nobody_elses_versions() -> None:
    page = {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [
            {"request": {"method": "DELETE", "url": "Media/m1"}, "response": {"etag": 'W/"4"'}},
            {"resource": MEDIA, "request": {"method": "PUT", "url": "Media/m1"}},
            {"resource": {**MEDIA, "id": "m2"}},
            {"resource": outcome("informational", "information")},
            {"request": {"method": "PUT"}},
        ],
    }
    versions = record(Answer(200, page))[0].history("Media", "m1")
    deleted = {"resourceType": "Media", "id": "m1", "meta": {"deleted": True, "versionId": "4"}}
    assert versions == [deleted, MEDIA]


def test_an_empty_history_is_of_nothing() -> None:
    with pytest.raises(NotFound):
        record(Answer(200, {"resourceType": "Bundle", "type": "history"}))[0].history("Media", "m1")
