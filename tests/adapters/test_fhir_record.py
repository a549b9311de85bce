"""The FHIR record against answers that a server should not give, and some that it may."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import (
    AnswerLost,
    Gone,
    NotFound,
    PluginError,
    RecordRefused,
    RecordUnavailable,
    SignInNeeded,
    TooLarge,
    VersionConflict,
)
from fhir_plugin.ports import Stored, TransactionEntry
from smart_launch import errors as smart
from tests.adapters.scripted_record import BASE, CANARY, MEDIA, outcome, record
from tests.fakes.transport import Answer

MALFORMED: dict[str, Answer] = {
    "html": Answer(200, b"<html>Sign in</html>", "text/html"),
    "html called json": Answer(200, b"<html>Sign in</html>"),
    "xml": Answer(200, b"<Media xmlns='http://hl7.org/fhir'/>", "application/fhir+xml"),
    "plain text": Answer(200, b'{"resourceType": "Media", "id": "m1"}', "text/plain"),
    "no content type": Answer(200, b'{"resourceType": "Media", "id": "m1"}', ""),
    "cut short": Answer(200, b'{"resourceType": "Media", "id": "m1"'),
    "key twice": Answer(200, b'{"resourceType": "Media", "id": "m1", "id": "m1"}'),
    "not a number": Answer(200, b'{"resourceType": "Media", "id": "m1", "height": NaN}'),
    "byte order mark": Answer(200, b'\xef\xbb\xbf{"resourceType": "Media", "id": "m1"}'),
    "latin-1": Answer(200, '{"resourceType": "Media", "id": "m1", "note": "é"}'.encode("latin-1")),
    "a list": Answer(200, b'[{"resourceType": "Media", "id": "m1"}]'),
    "a bomb": Answer(200, b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "deep": Answer(200, {"resourceType": "Media", "id": "m1", "x": json.loads("[" * 120 + "]" * 120)}),
    "an error inside": Answer(
        200,
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    ),
}


# ---------------------------------------------------------------------------------- what an answer means

REFUSALS: list[tuple[int, type[PluginError], type[PluginError]]] = [
    (301, RecordRefused, RecordRefused),
    (307, RecordRefused, RecordRefused),
    (400, RecordRefused, RecordRefused),
    (401, SignInNeeded, SignInNeeded),
    (403, RecordRefused, RecordRefused),
    (404, NotFound, NotFound),
    (405, RecordRefused, RecordRefused),
    (408, RecordUnavailable, AnswerLost),
    (409, VersionConflict, VersionConflict),
    (410, Gone, Gone),
    (412, VersionConflict, VersionConflict),
    (413, TooLarge, TooLarge),
    (422, RecordRefused, RecordRefused),
    (429, RecordUnavailable, RecordUnavailable),
    (500, RecordUnavailable, AnswerLost),
    (501, RecordRefused, RecordRefused),
    (502, RecordUnavailable, AnswerLost),
    (503, RecordUnavailable, AnswerLost),
    (504, RecordUnavailable, AnswerLost),
    (599, RecordUnavailable, AnswerLost),
]


@pytest.mark.parametrize(("status", "reading", "writing"), REFUSALS)
@pytest.mark.parametrize("body", [b"", b"<html>", outcome()], ids=["empty", "html", "outcome"])
def test_each_status_means_one_thing(
    status: int, reading: type[PluginError], writing: type[PluginError], body: Any
) -> None:
    answer = Answer(status, body)
    with pytest.raises(reading) as raised:
        record(answer)[0].read("Media", "m1")
    assert type(raised.value) is reading
    assert CANARY not in str(raised.value)
    with pytest.raises(writing) as raised_writing:
        record(answer)[0].put(MEDIA)
    assert type(raised_writing.value) is writing
    assert CANARY not in str(raised_writing.value)
    if isinstance(raised_writing.value, RecordRefused):
        assert raised_writing.value.status == status


def test_a_busy_server_says_how_long_to_wait() -> None:
    answer = Answer(503, b"", headers=(("Retry-After", "7"),))
    with pytest.raises(RecordUnavailable) as raised:
        record(answer)[0].put(MEDIA)
    assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (400, outcome("too-long", diagnostics=""), "application/fhir+json"),
        (400, outcome("invalid", diagnostics="String cannot be larger than 1 MB"), "application/fhir+json"),
        (500, b"PayloadTooLargeError: request entity too large", "text/html"),
        (422, outcome("processing", diagnostics="attachment exceeds 1000000 bytes"), "application/fhir+json"),
    ],
)
def test_size_is_heard_in_any_status(status: int, body: Any, content_type: str) -> None:
    with pytest.raises(TooLarge):
        record(Answer(status, body, content_type))[0].put(MEDIA)


def test_a_long_word_is_not_a_large_body() -> None:
    said = outcome("invalid", diagnostics="Media.status: string exceeds maximum length of 64")
    with pytest.raises(RecordRefused) as raised:
        record(Answer(400, said))[0].put(MEDIA)
    assert not isinstance(raised.value, TooLarge)


@pytest.mark.parametrize(
    ("status", "issue"), [(404, "not-found"), (405, "not-supported"), (422, "not-supported"), (501, "exception")]
)
def test_a_type_that_cannot_be_created_is_said_so(status: int, issue: str) -> None:
    with pytest.raises(RecordRefused) as raised:
        record(Answer(status, outcome(issue)))[0].create({"resourceType": "Consent"})
    assert raised.value.code == "type-not-supported"


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_no_success(name: str) -> None:
    answer = MALFORMED[name]
    with pytest.raises(RecordUnavailable):
        record(answer)[0].read("Media", "m1")
    with pytest.raises(RecordUnavailable):
        record(answer)[0].search("Media", {"_id": "m1"})
    located = Answer(201, answer.body, answer.content_type, (("Location", f"{BASE}/Media/m1/_history/1"),))
    with pytest.raises(AnswerLost):
        record(located)[0].put(MEDIA)
    with pytest.raises(AnswerLost):
        record(answer)[0].transact([TransactionEntry("PUT", "Media/m1", MEDIA)])


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (smart.NotSent("refused", code="refused"), RecordUnavailable, RecordUnavailable),
        (smart.AnswerLost("timeout", code="timeout"), RecordUnavailable, AnswerLost),
        (smart.AnswerLost("cut", code="truncated", status=201), RecordUnavailable, AnswerLost),
        (smart.AnswerLost("cut", code="truncated", status=403), RecordUnavailable, RecordRefused),
        (smart.AnswerLost("cut", code="truncated", status=401), RecordUnavailable, SignInNeeded),
        (smart.ReplyTooLarge("large", status=200), RecordUnavailable, AnswerLost),
    ],
)
def test_a_broken_connection_is_told_from_a_refused_one(
    error: smart.TransportError, reading: type[PluginError], writing: type[PluginError]
) -> None:
    with pytest.raises(reading):
        record(error)[0].read("Media", "m1")
    writes: list[Callable[[FhirServerRecord], object]] = [
        lambda r: r.put(MEDIA),
        lambda r: r.create({"resourceType": "Media"}),
        lambda r: r.delete("Media", "m1"),
        lambda r: r.transact([TransactionEntry("DELETE", "Media/m1")]),
    ]
    for write in writes:
        with pytest.raises(writing):
            write(record(error)[0])


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_deleting_what_is_gone_is_done(status: int) -> None:
    record(Answer(status))[0].delete("Media", "m1")


@pytest.mark.parametrize(
    "answer", [Answer(202), Answer(200, outcome()), Answer(500), Answer(200, b"<html>", "text/html")]
)
def test_a_delete_that_may_not_have_happened_is_not_done(answer: Answer) -> None:
    with pytest.raises(AnswerLost):
        record(answer)[0].delete("Media", "m1")


def test_another_resource_is_not_the_one_asked_for() -> None:
    for body in ({**MEDIA, "id": "m2"}, {**MEDIA, "resourceType": "Patient"}, {}):
        with pytest.raises(RecordUnavailable):
            record(Answer(200, body))[0].read("Media", "m1")
    with pytest.raises(RecordUnavailable):
        record(Answer(200, MEDIA))[0].read_version("Media", "m1", "1")


# ---------------------------------------------------------------------------------- which resource it became


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (f"{BASE}/Media/77/_history/5", Stored("Media", "77", "5")),
        ("Media/77/_history/5", Stored("Media", "77", "5")),
        ("/r4/fhir/Media/77", Stored("Media", "77", "9")),
        ("https://upstream.internal:8443/elsewhere/Media/77/_history/5", Stored("Media", "77", "5")),
        ("Media/77/", Stored("Media", "77", "9")),
    ],
)
def test_the_location_gives_type_and_id_and_no_host(location: str, expected: Stored) -> None:
    answer = Answer(201, b"", "", (("Location", location), ("ETag", 'W/"9"')))
    assert record(answer)[0].create({"resourceType": "Media"}) == expected


def test_without_a_location_the_body_says() -> None:
    assert record(Answer(201, MEDIA))[0].create({"resourceType": "Media"}) == Stored("Media", "m1", "3")


@pytest.mark.parametrize("location", [None, "", "nonsense", "javascript:alert(1)", "../../etc/passwd"])
def test_without_any_id_nobody_knows(location: str | None) -> None:
    headers = () if location is None else (("Location", location),)
    with pytest.raises(AnswerLost):
        record(Answer(201, b"", "", headers))[0].create({"resourceType": "Media"})


def test_an_empty_answer_to_a_put_means_that_resource() -> None:
    assert record(Answer(200))[0].put(MEDIA) == Stored("Media", "m1", None)


@pytest.mark.parametrize("location", ["Media/other", "Patient/m1"])
def test_another_name_than_ours_is_not_a_success(location: str) -> None:
    with pytest.raises(AnswerLost) as raised:
        record(Answer(201, b"", "", (("Location", location),)))[0].put(MEDIA)
    assert raised.value.code == "id-changed"
