"""A FHIR server's record: the token, the base that nothing leads out of, and what is searched for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.errors import RecordRefused, RecordUnavailable, SignInNeeded
from smart_launch import errors as smart
from tests.adapters.scripted_record import BASE, MEDIA, STATEMENT, outcome, record
from tests.fakes.transport import Answer


def bundle(*resources: Any, following: str | None = None, kind: str = "searchset") -> dict[str, Any]:
    found: dict[str, Any] = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": r} for r in resources]}
    if following is not None:
        found["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": following}]
    return found


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


def test_a_long_record_that_comes_twenty_at_a_time_is_read_to_its_end() -> None:
    pages = [
        Answer(200, bundle(*({**MEDIA, "id": f"m{page}-{each}"} for each in range(20)), following=f"?p={page}"))
        for page in range(150)
    ]
    reached, transport = record(*pages, Answer(200, bundle()))
    assert len({found["id"] for found in reached.search("Media", {})}) == 3000
    assert len(transport.asked) == 151


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
