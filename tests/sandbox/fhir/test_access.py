"""The access hook: asked of every interaction, every entry and every resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flask

from fhir_plugin.sandbox.fhir import Access, AccessDenied, Personality
from tests.sandbox.fhir.client import (
    FhirUnderTest,
    assert_refused,
    binary,
    entry,
    got,
    labelled,
    matches,
    media,
    parameters,
    patient,
    provenance,
)

Json = dict[str, Any]


@dataclass
class Only:
    """Allows the named interactions, and what `reach` reaches."""

    allowed: set[tuple[str, str]]
    reach: Callable[[Json], bool] = lambda _resource: True
    asked: list[tuple[str, str]] = field(default_factory=list)
    user: str | None = None

    def allows(self, resource_type: str, interaction: str) -> bool:
        self.asked.append((resource_type, interaction))
        return (resource_type, interaction) in self.allowed or ("*", interaction) in self.allowed

    def sees(self, resource: Json) -> bool:
        return self.reach(resource)


def under(access: Access, personality: str | Personality = "default") -> FhirUnderTest:
    return FhirUnderTest(personality, lambda _request: access)


def of_p1(resource: Json) -> bool:
    """Only what belongs to Patient/p1, or to nobody."""
    if resource["resourceType"] == "Patient":
        return bool(resource["id"] == "p1")
    return bool(resource.get("subject", {"reference": "Patient/p1"})["reference"] == "Patient/p1")


ALL = {
    ("*", code)
    for code in (
        *("read", "vread", "update", "patch", "delete", "create", "search-type"),
        *("history-instance", "history-type", "$expunge", "$everything", "$validate"),
    )
}


def seed(fhir: FhirUnderTest) -> None:
    for person in ("p1", "p2"):
        fhir.store.put(patient(id=person))
        fhir.store.put(media(f"Patient/{person}", id=f"m-{person}", meta=labelled("R")))
    fhir.store.put(provenance("Media/m-p1", "Media/m-p2", id="v"))


def test_no_token_is_401_with_a_challenge_and_metadata_is_free() -> None:
    def refuse(_request: flask.Request) -> Access:
        raise AccessDenied(401, "login", "A token is needed", headers={"WWW-Authenticate": "Bearer"})

    with FhirUnderTest(access=refuse) as fhir:
        for response in (
            fhir.get("Patient"),
            fhir.post("Patient", patient()),
            fhir.get("nonsense"),
            fhir.transaction(),
        ):
            assert_refused(response, 401, "login")
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert fhir.get("metadata").status_code == 200


def test_each_interaction_needs_its_own_permission() -> None:
    requests: dict[str, Callable[[FhirUnderTest], Any]] = {
        "read": lambda fhir: fhir.get("Media/m-p1"),
        "vread": lambda fhir: fhir.get("Media/m-p1/_history/1"),
        "search-type": lambda fhir: fhir.get("Media"),
        "create": lambda fhir: fhir.post("Media", media("Patient/p1")),
        "history-instance": lambda fhir: fhir.get("Media/m-p1/_history"),
        "history-type": lambda fhir: fhir.get("Media/_history"),
        "patch": lambda fhir: fhir.patch("Media/m-p1", [{"op": "add", "path": "/language", "value": "en"}]),
        "update": lambda fhir: fhir.put("Media/m-p1", media("Patient/p1", id="m-p1")),
        "delete": lambda fhir: fhir.delete("Media/m-p1"),
        "$expunge": lambda fhir: fhir.post("Media/m-p1/$expunge", parameters(expungeEverything=True)),
    }
    for interaction, ask in requests.items():
        with under(Only({("Media", interaction)})) as fhir:
            seed(fhir)
            for other, ask_other in requests.items():
                if other != interaction:
                    assert_refused(ask_other(fhir), 403, "forbidden")
            assert ask(fhir).status_code < 300, interaction


def test_what_is_out_of_reach_is_as_if_not_there() -> None:
    with under(Only(ALL, of_p1)) as fhir:
        seed(fhir)
        assert fhir.get("Media/m-p1").status_code == 200
        for path in ("Media/m-p2", "Media/m-p2/_history/1", "Media/m-p2/_history", "Patient/p2/$everything"):
            assert_refused(fhir.get(path), 404, "not-found")
        found = got(fhir.get("Media?_include=Media:subject"))
        assert (found["total"], matches(found), matches(found, "include")) == (1, ["Media/m-p1"], ["Patient/p1"])
        assert matches(got(fhir.get("Provenance?_include=Provenance:target")), "include") == ["Media/m-p1"]
        assert got(fhir.get("Media?_id=m-p2&_summary=count"))["total"] == 0
        urls = [e["fullUrl"] for e in got(fhir.get("_history"))["entry"]]
        assert not any("p2" in url for url in urls)
        fhir.store.create(media("Patient/p2"))


def test_hidden_may_be_403_elsewhere() -> None:
    with under(Only(ALL, of_p1), Personality(name="t", hidden_status=403)) as fhir:
        seed(fhir)
        assert_refused(fhir.get("Media/m-p2"), 403)
        assert_refused(fhir.get("Media/none"), 404)


def test_writes_out_of_reach_are_403_and_change_nothing() -> None:
    with under(Only(ALL, of_p1)) as fhir:
        seed(fhir)
        for response in (
            fhir.post("Media", media("Patient/p2")),
            fhir.put("Media/m-p2", media("Patient/p1", id="m-p2")),
            fhir.put("Media/m-p1", media("Patient/p2", id="m-p1")),
            fhir.delete("Media/m-p2"),
            fhir.patch("Media/m-p1", [{"op": "replace", "path": "/subject/reference", "value": "Patient/p2"}]),
        ):
            assert_refused(response, 403)
        assert_refused(fhir.patch("Media/m-p2", [{"op": "add", "path": "/language", "value": "en"}]), 404)
        assert_refused(fhir.post("Media/m-p2/$expunge", parameters(expungeEverything=True)), 404)
        fhir.post("Media/$expunge", parameters(expungeEverything=True))
        assert fhir.store.read("Media", "m-p2") is not None
        assert fhir.store.read("Media", "m-p1") is None


def test_a_deletion_is_in_the_history_of_those_who_saw_the_resource() -> None:
    with under(Only(ALL, of_p1)) as fhir:
        seed(fhir)
        with fhir.store.session(write=True) as session:
            for id in ("m-p1", "m-p2"):
                version = session.current("Media", id)
                assert version is not None
                session.delete(version)
        entries = got(fhir.get("Media/_history"))["entry"]
        assert [(e["request"]["method"], e["request"]["url"]) for e in entries] == [
            ("DELETE", "Media/m-p1"),
            ("PUT", "Media/m-p1"),
        ]


def test_entries_are_asked_about_one_by_one() -> None:
    with under(Only({("Patient", "create"), ("Patient", "read")})) as fhir:
        batch = fhir.transaction(entry("POST", "Patient", patient()), entry("POST", "Media", media()), kind="batch")
        assert [e["response"]["status"] for e in got(batch)["entry"]] == ["201", "403"]
        before = len(fhir.store.search("Patient", {}))
        assert_refused(fhir.transaction(entry("POST", "Patient", patient()), entry("POST", "Media", media())), 403)
        assert len(fhir.store.search("Patient", {})) == before


def test_chains_and_conditions_do_not_look_where_one_may_not() -> None:
    with under(Only({("Media", "search-type"), ("Media", "create"), ("Provenance", "search-type")}, of_p1)) as fhir:
        seed(fhir)
        assert_refused(fhir.get("Media?patient.name=okafor"), 403)
        assert_refused(fhir.get("Media?_has:Task:focus:status=requested"), 403)
        made = fhir.post("Media", media("Patient/p1"), if_none_exist="_id=m-p2")
        assert made.status_code == 201, "a match out of reach is none"
    with under(Only(ALL - {("*", "search-type")})) as fhir:
        seed(fhir)
        assert_refused(fhir.transaction(entry("POST", "Media", media("Patient?birthdate=1980-02-03"))), 403)


def test_chains_tell_nothing_about_what_is_hidden() -> None:
    with under(Only(ALL, of_p1)) as fhir:
        seed(fhir)
        assert matches(got(fhir.get("Provenance?target:Media.status=completed&_id=v"))) == ["Provenance/v"]
        assert got(fhir.get("Provenance?target:Media.patient=p2"))["total"] == 0
        assert got(fhir.get("Patient?_has:Media:subject:_id=m-p2"))["total"] == 0
        assert matches(got(fhir.get("Patient?_has:Media:subject:_id=m-p1"))) == ["Patient/p1"]


def test_if_match_tells_nothing_about_what_is_hidden() -> None:
    with under(Only(ALL, of_p1)) as fhir:
        seed(fhir)
        assert_refused(fhir.put("Media/m-p2", media("Patient/p1", id="m-p2"), if_match='W/"7"'), 403)


def test_who_may_not_read_is_not_shown_what_was_there() -> None:
    with under(Only({("Patient", "create"), ("Patient", "patch"), ("Patient", "update")})) as fhir:
        seed(fhir)
        matched = fhir.post("Patient", patient(), if_none_exist="_id=p1")
        assert (matched.status_code, matched.data) == (200, b"")
        assert "/Patient/p1/" in matched.headers["Location"]
        operations = [{"op": "add", "path": "/active", "value": True}]
        changed = fhir.patch("Patient/p1", operations, prefer="return=representation")
        assert (changed.status_code, changed.data) == (200, b"")
        assert got(fhir.put("Patient/p1", patient(id="p1")))["id"] == "p1"


def test_later_pages_are_judged_by_who_asks_for_them() -> None:
    who: list[Access] = [Only(ALL)]
    with FhirUnderTest(access=lambda _request: who[0]) as fhir:
        seed(fhir)
        link = got(fhir.get("Media?_count=1"))["link"][1]["url"].removeprefix("http://localhost/fhir/")
        assert matches(got(fhir.get(link))) == ["Media/m-p2"]
        who[0] = Only(ALL, of_p1)
        assert matches(got(fhir.get(link))) == []
        who[0] = Only(set())
        assert_refused(fhir.get(link), 403)
        who[0] = Only(ALL)
        link = got(fhir.get("_history?_count=2"))["link"][1]["url"].removeprefix("http://localhost/fhir/")
        who[0] = Only({("Patient", "history-type")})
        assert {e["fullUrl"].split("/")[-2] for e in got(fhir.get(link))["entry"]} == {"Patient"}


def test_a_binary_is_judged_without_its_data() -> None:
    seen = list[Json]()

    def reach(resource: Json) -> bool:
        seen.append(resource)
        return True

    with under(Only(ALL, reach)) as fhir:
        fhir.put("Binary/b", binary(id="b", securityContext={"reference": "Patient/p1"}))
        fhir.get("Binary/b")
        assert seen
        assert all("data" not in resource for resource in seen)
        assert all(resource["securityContext"] == {"reference": "Patient/p1"} for resource in seen)
        assert all(resource["id"] == "b" for resource in seen)
