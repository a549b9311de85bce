"""The FHIR record against answers that a server should not give, and some that it may."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
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
from mappings.model.identifiers import FhirBase, Reference
from smart_launch import errors as smart
from tests.fakes.transport import Answer, ScriptedTransport

BASE = FhirBase("https://ehr.example/r4/fhir")
CANARY = "Jane Canary 999 000 0001"
MEDIA = {"resourceType": "Media", "id": "m1", "meta": {"versionId": "3"}, "status": "completed"}
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "rest": [{"mode": "server", "resource": [{"type": "Binary", "interaction": [{"code": "create"}]}]}],
}
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


def record(*script: Answer | smart.TransportError, **options: Any) -> tuple[FhirServerRecord, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return FhirServerRecord(transport, BASE, **options), transport


def outcome(code: str = "invalid", severity: str = "error", diagnostics: str = CANARY) -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics, "details": {"text": CANARY}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def bundle(*resources: Any, following: str | None = None, kind: str = "searchset") -> dict[str, Any]:
    found: dict[str, Any] = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": r} for r in resources]}
    if following is not None:
        found["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": following}]
    return found


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


# ---------------------------------------------------------------------------------- the token and the base


def test_the_token_is_asked_anew_for_each_request() -> None:
    tokens = iter(["first", "second"])
    reached, transport = record(Answer(200, MEDIA), Answer(200, MEDIA), access_token=lambda: next(tokens))
    reached.read("Media", "m1")
    reached.read("Media", "m1")
    assert [asked.headers["Authorization"] for asked in transport.asked] == ["Bearer first", "Bearer second"]


def test_metadata_is_asked_without_the_token_and_once() -> None:
    reached, transport = record(Answer(200, STATEMENT), access_token=lambda: "secret")
    assert reached.capability() is reached.capability()
    assert "Authorization" not in transport.asked[0].headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_metadata_behind_a_lock_is_asked_with_the_token(status: int) -> None:
    reached, transport = record(Answer(status), Answer(200, STATEMENT), access_token=lambda: "secret")
    assert reached.capability().may("Binary", "create")
    assert transport.asked[1].headers["Authorization"] == "Bearer secret"


def test_a_dead_token_is_said_before_anything_is_sent() -> None:
    def dead() -> str:
        raise SignInNeeded("launch again")

    reached, transport = record(access_token=dead)
    with pytest.raises(SignInNeeded):
        reached.put(MEDIA)
    assert transport.asked == []


OUTSIDE = [
    "https://evil.example/r4/fhir/Media?page=2",
    "http://ehr.example/r4/fhir/Media?page=2",
    "https://ehr.example:8443/r4/fhir/Media?page=2",
    "https://ehr.example/r4/fhirs/Media?page=2",
    "https://ehr.example/admin",
    "//evil.example/r4/fhir/Media",
    "https://ehr.example/r4/fhir/../../admin",
    "https://ehr.example/r4/fhir/%2e%2e/%2e%2e/admin",
    "https://ehr.example/r4/fhir/%252e%252e/admin",
    "https://user:pass@ehr.example/r4/fhir/Media",
    "https://ehr.example@evil.example/r4/fhir/Media",
    "https://ehr.example\\@evil.example/r4/fhir/Media",
    "https://ehr.example.evil.example/r4/fhir/Media",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://ehr.example/r4/fhir/Media\r\nX: y",
    "https://ehr.example:99999/r4/fhir/Media",
    "https://[::1/r4/fhir/Media",
    "https://ehr.example/r4/fhir/Media#fragment",
]


@pytest.mark.parametrize("link", OUTSIDE)
def test_no_page_and_no_image_is_fetched_outside_the_base(link: str) -> None:
    page = Answer(200, bundle(MEDIA, following=link))
    reached, transport = record(page, access_token=lambda: "secret")
    with pytest.raises(RecordRefused) as raised:
        reached.search("Media", {"_id": "m1"})
    assert raised.value.code == "outside-base"
    assert len(transport.asked) == 1
    reached, transport = record(access_token=lambda: "secret")
    with pytest.raises(RecordRefused):
        reached.read_binary(link)
    assert transport.asked == []


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (f"{BASE}?_getpages=abc&_getpagesoffset=2", f"{BASE}?_getpages=abc&_getpagesoffset=2"),
        ("?page=2", f"{BASE}/Media?page=2"),
        ("/r4/fhir/Media?page=2", f"{BASE}/Media?page=2"),
        ("Media?page=2", f"{BASE}/Media?page=2"),
    ],
)
def test_pages_within_the_base_are_followed(link: str, asked: str) -> None:
    second = {**MEDIA, "id": "m2"}
    reached, transport = record(Answer(200, bundle(MEDIA, following=link)), Answer(200, bundle(second)))
    assert [found["id"] for found in reached.search("Media", {})] == ["m1", "m2"]
    assert transport.asked[1].url == asked


def test_pages_in_a_circle_are_refused() -> None:
    there, back = Answer(200, bundle(MEDIA, following="?p=2")), Answer(200, bundle(MEDIA, following="?p=1"))
    reached, _ = record(there, back, Answer(200, bundle(MEDIA, following="?p=2")))
    with pytest.raises(RecordRefused) as raised:
        reached.search("Media", {})
    assert raised.value.code == "pages-loop"


def test_pages_without_end_are_refused_and_not_cut_short() -> None:
    endless = [Answer(200, bundle(MEDIA, following=f"?p={number}")) for number in range(5)]
    with pytest.raises(RecordRefused) as raised:
        record(*endless, most_pages=5)[0].search("Media", {})
    assert raised.value.code == "too-many-results"


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "a?b", "a#b", "%2e", "a b", "é", "x" * 65, "m1\n"])
def test_a_crooked_id_is_not_sent(id: str) -> None:
    reached, transport = record()
    attempts: list[Callable[[], object]] = [
        lambda: reached.read("Media", id),
        lambda: reached.put({"resourceType": "Media", "id": id}),
        lambda: reached.delete("Media", id),
        lambda: reached.history("Media", id),
        lambda: reached.read_version("Media", "m1", id),
    ]
    for attempt in attempts:
        with pytest.raises(RecordRefused):
            attempt()
    assert transport.asked == []


# ---------------------------------------------------------------------------------- search


def test_what_was_not_asked_for_is_dropped() -> None:
    """A server that ignores every parameter returns the whole hospital."""
    mine = {**MEDIA, "subject": {"reference": "Patient/p1"}}
    others = [
        {**MEDIA, "id": "m2", "subject": {"reference": "Patient/p2"}},
        {**MEDIA, "id": "m3", "subject": {"reference": "https://other.example/fhir/Patient/p1"}},
        {**MEDIA, "id": "m4", "subject": {"identifier": {"value": "p1"}}},
        {**MEDIA, "id": "m5"},
        {"resourceType": "Patient", "id": "p1"},
        outcome("not-supported", "warning"),
        "nonsense",
    ]
    reached, transport = record(Answer(200, bundle(mine, *others)))
    assert reached.search("Media", {"patient": "p1"}) == [mine]
    assert transport.asked[0].headers["Prefer"] == "handling=strict"


def test_a_query_is_percent_encoded_throughout() -> None:
    reached, transport = record(Answer(200, bundle()))
    reached.search("Media", {"_security": "http://terminology.example//x|R&S=1+1"})
    query = transport.asked[0].url.partition("?")[2]
    assert "_security=http%3A%2F%2Fterminology.example%2F%2Fx%7CR%26S%3D1%2B1" in query


@pytest.mark.parametrize(
    ("resource_type", "name"),
    [
        ("Patient", "identifier"),
        ("Patient", "family"),
        ("Patient", "birthdate"),
        ("Patient", "address-postalcode"),
        ("RelatedPerson", "identifier"),
        ("Media", "patient.identifier"),
        ("Media", "subject:Patient.name"),
        ("Media", "subject:identifier"),
    ],
)
def test_who_somebody_is_never_stands_in_a_url(resource_type: str, name: str) -> None:
    reached, transport = record(Answer(200, bundle()))
    reached.search(resource_type, {name: "9990000001"})
    asked = transport.asked[0]
    assert (asked.method, asked.url) == ("POST", f"{BASE}/{resource_type}/_search")
    assert asked.form is not None
    assert asked.form[name] == "9990000001"


def test_a_next_link_that_names_a_person_is_not_followed() -> None:
    page = bundle(following="?identifier=999%20000%200001")
    reached, transport = record(Answer(200, page))
    with pytest.raises(RecordRefused) as raised:
        reached.search("Patient", {"identifier": "999 000 0001"})
    assert raised.value.code == "private-link"
    assert len(transport.asked) == 1


def test_a_failed_search_by_post_is_a_failed_reading() -> None:
    with pytest.raises(RecordUnavailable):
        record(Answer(500))[0].search("Patient", {"identifier": "9990000001"})
    with pytest.raises(RecordUnavailable):
        record(smart.AnswerLost("timeout"))[0].search("Patient", {"identifier": "9990000001"})


def test_a_list_that_is_no_search_result_is_not_believed() -> None:
    for body in (bundle(MEDIA, kind="history"), bundle(MEDIA, kind="collection"), MEDIA):
        with pytest.raises(RecordUnavailable):
            record(Answer(200, body))[0].search("Media", {})


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
