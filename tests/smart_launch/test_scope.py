"""Scopes as granted: the table of the specification, and what must hold for every scope there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import GrantedScopes, ResourceScope, parse_resource_scope, request_scopes

INTERACTIONS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "history-type": "s",
}
levels = st.sampled_from(["patient", "user", "system"])
types = st.sampled_from(["*", "Media", "Binary", "DocumentReference", "Observation"])
letters = st.integers(1, 31).map(lambda bits: "".join(c for i, c in enumerate("cruds") if bits >> i & 1))
v1_words = st.sampled_from(["read", "write", "*"])
v2_scopes = st.builds("{}/{}.{}".format, levels, types, letters)
v1_scopes = st.builds("{}/{}.{}".format, levels, types, v1_words)
asked = st.tuples(types.filter(lambda name: name != "*"), st.sampled_from(sorted(INTERACTIONS)))


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("patient/Media.read", {"read", "vread", "history-instance", "search-type", "history-type"}),
        ("patient/Media.write", {"create", "update", "patch", "delete"}),
        ("patient/Media.*", set(INTERACTIONS)),
        ("patient/*.read", {"read", "vread", "history-instance", "search-type", "history-type"}),
        ("patient/*.*", set(INTERACTIONS)),
        ("user/Media.cruds", set(INTERACTIONS)),
        ("system/*.c", {"create"}),
        ("patient/Media.r", {"read", "vread", "history-instance"}),
        ("patient/Media.u", {"update", "patch"}),
        ("patient/Media.d", {"delete"}),
        ("patient/Media.s", {"search-type", "history-type"}),
        ("patient/Media.cs", {"create", "search-type", "history-type"}),
        ("http://smarthealthit.org/fhir/scopes/patient/Media.c", {"create"}),
        ("patient/Media.dus", set()),
        ("patient/Media.rc", set()),
        ("patient/Media.rr", set()),
        ("patient/Media.", set()),
        ("patient/Media", set()),
        ("patient/media.rs", set()),
        ("patient/Media.rs?", set()),
        ("patient/Media.read?category=x", set()),
        ("patient/Observation.cruds", set()),
        ("patients/Media.rs", set()),
        ("xpatient/Media.rs", set()),
        ("patient/Media.rsx", set()),
        ("Patient/Media.rs", set()),
        ("patient/Med*.rs", set()),
        ("launch/patient", set()),
        ("", set()),
    ],
)
def test_the_table(scope: str, allowed: set[str]) -> None:
    granted = GrantedScopes.parse(scope)
    assert {name for name in INTERACTIONS if granted.allows("Media", name)} == allowed


def test_an_unknown_interaction_is_never_allowed() -> None:
    assert not GrantedScopes.parse("user/*.cruds").allows("Media", "destroy")


def test_granular_scopes_allow_under_their_conditions() -> None:
    granted = GrantedScopes.parse(
        "patient/DocumentReference.c?category=http://x|clinical-note patient/DocumentReference.r"
        " patient/DocumentReference.c?category=a&type=b"
    )
    assert granted.allows("DocumentReference", "create")
    assert set(granted.conditions("DocumentReference", "create")) == {
        (("category", "http://x|clinical-note"),),
        (("category", "a"), ("type", "b")),
    }
    assert granted.conditions("DocumentReference", "read") == ()
    wider = GrantedScopes.parse(f"{granted} user/*.c")
    assert wider.conditions("DocumentReference", "create") == ()
    assert wider.levels("DocumentReference", "create") == {"patient", "user"}


def test_context_identity_and_refresh() -> None:
    granted = GrantedScopes.parse("launch launch/patient openid fhirUser offline_access user/Media.rs x:y")
    assert granted.context == {"launch", "launch/patient"}
    assert granted.identity == {"openid", "fhirUser"}
    assert granted.may_refresh
    assert not granted.needs_patient
    assert not GrantedScopes.parse("launch openid").may_refresh
    assert GrantedScopes.parse("online_access").may_refresh
    assert GrantedScopes.parse("patient/Media.r").needs_patient


@given(st.lists(v1_scopes | v2_scopes, max_size=6), asked, st.randoms())
def test_order_and_repetition_do_not_matter(scopes: list[str], question: tuple[str, str], random: object) -> None:
    shuffled = [*scopes, *scopes]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    one, other = GrantedScopes.parse(" ".join(scopes)), GrantedScopes.parse("  ".join(shuffled))
    assert one == other
    assert one.allows(*question) == other.allows(*question)


@given(v1_scopes, asked)
def test_v1_means_the_same_in_v2(scope: str, question: tuple[str, str]) -> None:
    parsed = parse_resource_scope(scope)
    assert parsed is not None
    for text in (parsed.as_v2(), " ".join(parsed.as_v1())):
        assert GrantedScopes.parse(text).allows(*question) == GrantedScopes.parse(scope).allows(*question)


@given(v2_scopes, asked)
def test_v2_in_v1_never_reaches_less_far(scope: str, question: tuple[str, str]) -> None:
    parsed = parse_resource_scope(scope)
    assert parsed is not None
    assert parsed.as_v2() == scope
    if GrantedScopes.parse(scope).allows(*question):
        assert GrantedScopes.parse(" ".join(parsed.as_v1())).allows(*question)


@given(levels, letters, asked)
def test_a_wildcard_is_every_type(level: str, letter: str, question: tuple[str, str]) -> None:
    kind, interaction = question
    wild = GrantedScopes.parse(f"{level}/*.{letter}")
    assert wild.allows(kind, interaction) == GrantedScopes.parse(f"{level}/{kind}.{letter}").allows(kind, interaction)
    assert wild.allows(kind, interaction) == (INTERACTIONS[interaction] in letter)


@given(st.lists(v2_scopes, max_size=5), v2_scopes, asked)
def test_more_scopes_never_allow_less(scopes: list[str], more: str, question: tuple[str, str]) -> None:
    before = GrantedScopes.parse(" ".join(scopes)).allows(*question)
    after = GrantedScopes.parse(" ".join([*scopes, more])).allows(*question)
    assert after or not before


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    granted = GrantedScopes.parse(text)
    for scope in granted.resources:
        assert isinstance(scope, ResourceScope)
        assert scope.letters
    granted.allows("Media", "create")


@pytest.mark.parametrize(
    ("v2", "v1", "ehr_launch", "expected"),
    [
        (True, True, True, "launch openid user/Media.cs user/Task.rs"),
        (True, False, False, "launch/patient openid user/Media.cs user/Task.rs"),
        (False, True, True, "launch openid user/Media.read user/Media.write user/Task.read"),
        (False, False, True, "launch openid user/Media.cs user/Task.read"),
    ],
)
def test_what_is_asked_for(v2: bool, v1: bool, ehr_launch: bool, expected: str) -> None:
    wanted = ["launch", "openid", "user/Media.cs", "user/Task.read", "openid"]
    assert request_scopes(wanted, v2=v2, v1=v1, ehr_launch=ehr_launch) == expected


def test_a_standalone_launch_may_ask_for_more_context() -> None:
    asked_for = request_scopes(["x"], v2=True, v1=True, ehr_launch=False, context=["patient", "encounter"])
    assert asked_for == "launch/patient launch/encounter x"
