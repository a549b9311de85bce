"""Search and paging against a filter so plain that it can be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.sandbox.fhir.dates import date_range, instant
from tests.sandbox.fhir.client import BASE, FhirUnderTest, got, matches

Json = dict[str, Any]

STATUSES = ("completed", "preparation", "on-hold")
PATIENTS = ("p1", "p2")
SITES = ("a", "b", "a|c", "a,b", "a\\d", "")
DAYS = tuple(dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(0, 60, 7))

an_image = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "patient": st.sampled_from(PATIENTS),
        "sites": st.sets(st.sampled_from(SITES[:-1]), max_size=3),
        "day": st.none() | st.sampled_from(DAYS),
    }
)
a_question = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sets(st.sampled_from(STATUSES), min_size=1),
        "status:not": st.sampled_from(STATUSES),
        "patient": st.sampled_from(PATIENTS),
        "site": st.sampled_from(SITES[:-1]),
        "site:missing": st.booleans(),
        "created": st.tuples(st.sampled_from(("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")), st.sampled_from(DAYS)),
    },
)


def resource_of(image: Json, number: int) -> Json:
    made: Json = {
        "resourceType": "Media",
        "id": f"m{number:03}",
        "status": image["status"],
        "subject": {"reference": f"Patient/{image['patient']}"},
        "content": {"contentType": "image/png"},
    }
    if image["sites"]:
        made["bodySite"] = {"coding": [{"code": code} for code in sorted(image["sites"])]}
    if image["day"]:
        made["createdDateTime"] = image["day"].isoformat()
    return made


def escaped(text: str) -> str:
    for character in "\\,|$":
        text = text.replace(character, f"\\{character}")
    return text


def url_of(question: Json) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in question.items():
        match name, value:
            case "status", set():
                values[name] = ",".join(sorted(value))
            case "created", (prefix, day):
                values[name] = f"{prefix}{day.isoformat()}"
            case "site:missing", bool():
                values[name] = "true" if value else "false"
            case _:
                values[name] = escaped(value)
    return values


def satisfies(image: Json, question: Json) -> bool:
    """R4 search, read aloud. All days are whole days, so that contained means equal."""
    compare: dict[str, Callable[[dt.date, dt.date], bool]] = {
        "eq": lambda mine, theirs: mine == theirs,
        "ne": lambda mine, theirs: mine != theirs,
        "gt": lambda mine, theirs: mine > theirs,
        "sa": lambda mine, theirs: mine > theirs,
        "lt": lambda mine, theirs: mine < theirs,
        "eb": lambda mine, theirs: mine < theirs,
        "ge": lambda mine, theirs: mine >= theirs,
        "le": lambda mine, theirs: mine <= theirs,
    }
    tests: dict[str, Callable[[Any], bool]] = {
        "status": lambda wanted: image["status"] in wanted,
        "status:not": lambda unwanted: image["status"] != unwanted,
        "patient": lambda wanted: image["patient"] == wanted,
        "site": lambda wanted: wanted in image["sites"],
        "site:missing": lambda missing: missing is (not image["sites"]),
        "created": lambda wanted: image["day"] is not None and compare[wanted[0]](image["day"], wanted[1]),
    }
    return all(tests[name](value) for name, value in question.items())


@settings(max_examples=40, deadline=None)
@given(images=st.lists(an_image, max_size=12), questions=st.lists(a_question, min_size=1, max_size=5))
def test_search_is_the_filter(images: list[Json], questions: list[Json]) -> None:
    with FhirUnderTest() as fhir:
        for number, image in enumerate(images):
            fhir.store.put(resource_of(image, number))
        for question in questions:
            expected = [f"m{n:03}" for n, image in enumerate(images) if satisfies(image, question)]
            assert [found["id"] for found in fhir.store.search("Media", url_of(question))] == expected
            response = fhir.http.get("/fhir/Media", query_string=url_of(question))
            assert matches(got(response)) == [f"Media/{id}" for id in expected]
            assert got(response)["total"] == len(expected)


@settings(max_examples=25, deadline=None)
@given(
    total=st.integers(0, 25),
    count=st.integers(1, 12),
    newest_first=st.booleans(),
    deleted=st.sets(st.integers(0, 24), max_size=5),
    added=st.integers(0, 3),
)
def test_pages_neither_repeat_nor_miss(
    total: int, count: int, newest_first: bool, deleted: set[int], added: int
) -> None:
    """Whatever is added or deleted while somebody pages: what was there all along is seen exactly once."""
    with FhirUnderTest() as fhir:
        for number in range(total):
            fhir.store.put(resource_of({"status": "completed", "patient": "p1", "sites": (), "day": None}, number))
        sort = "&_sort=-_lastUpdated" if newest_first else ""
        page = got(fhir.get(f"Media?status=completed&_count={count}{sort}"))
        seen = matches(page)
        for number in deleted:
            fhir.delete(f"Media/m{number:03}")
        for number in range(added):
            fhir.store.put(
                resource_of({"status": "completed", "patient": "p1", "sites": (), "day": None}, 100 + number)
            )
        while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
            page = got(fhir.get(following[0].removeprefix(f"{BASE}/")))
            assert len(matches(page)) <= count
            seen += matches(page)
        assert len(seen) == len(set(seen))
        stayed = {f"Media/m{number:03}" for number in range(total) if number not in deleted}
        assert stayed <= set(seen) <= {f"Media/m{number:03}" for number in range(total)}


@given(
    seconds=st.integers(-2_000_000_000, 4_000_000_000),
    length=st.sampled_from((4, 7, 10, 16, 19)),
)
def test_a_shorter_date_holds_every_longer_one(seconds: int, length: int) -> None:
    full = instant(dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds))
    outer = date_range(full[:length])
    inner = date_range(full)
    assert outer is not None
    assert inner is not None
    assert outer[0] <= inner[0] < inner[1] <= outer[1]


@given(text=st.text(max_size=30))
def test_no_text_breaks_the_reading_of_dates(text: str) -> None:
    found = date_range(text)
    assert found is None or found[0] < found[1]
