"""What SMART asks of scopes: each requirement by itself, with its number in `smart_launch/requirements`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import GrantedScopes, Misconfigured, begin_launch, parse_resource_scope, request_scopes
from smart_launch.discovery import read_configuration
from smart_launch.scope import OPENID_URI_PREFIX, URI_PREFIX, as_uri, from_uri, launch_scope
from tests.smart_launch.counterparty import COOKIE, NOW, REDIRECT, a_configuration, an_issuer


def asked_for(scopes: Sequence[str], *, launch: str | None = "handle", context: Sequence[str] = ("patient",)) -> str:
    """The `scope` of the authorization request of an app that wants these, at a server of v2."""
    issuer = an_issuer(scopes=tuple(scopes))
    _, url = begin_launch(
        issuer,
        read_configuration(issuer, a_configuration()),
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch=launch,
        standalone_context=context,
    )
    return dict(parse_qsl(urlsplit(url).query))["scope"]


# --- resources: R120 to R148 ---


@pytest.mark.parametrize(
    ("interaction", "letter"),
    [
        ("create", "c"),
        ("read", "r"),
        ("vread", "r"),
        ("history-instance", "r"),
        ("update", "u"),
        ("patch", "u"),
        ("delete", "d"),
        ("search-type", "s"),
        ("history-type", "s"),
        ("search-system", "s"),
        ("history-system", "s"),
    ],
)
def test_an_interaction_needs_its_letter_and_no_other(interaction: str, letter: str) -> None:
    """SMART-R120 to R125."""
    for each in "cruds":
        scope = asked_for([f"user/Media.{each}"])
        assert scope == f"launch user/Media.{each}"
        assert GrantedScopes.parse(scope).allows("Media", interaction) is (each == letter)


def test_scopes_are_asked_for_in_their_shortest_form() -> None:
    """SMART-R131: the letters of one level, type and query are put together, nothing else is."""
    asked = asked_for(["user/Media.s", "patient/Media.r", "user/Media.c", "user/Media.s?a=b", "user/Media.r", "openid"])
    assert asked == "launch user/Media.crs patient/Media.r user/Media.s?a=b openid"


pieces = st.builds(
    "{}/{}.{}".format,
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Media", "Binary"]),
    st.integers(1, 31).map(lambda bits: "".join(c for i, c in enumerate("cruds") if bits >> i & 1)),
)


@given(st.lists(pieces, max_size=6))
def test_the_shortest_form_asks_for_the_same(scopes: list[str]) -> None:
    """SMART-R131: no letter is won or lost by it."""
    short = GrantedScopes.parse(request_scopes(scopes, v2=True, v1=True, ehr_launch=True))
    whole = GrantedScopes.parse(" ".join(scopes))
    for interaction in ("create", "read", "update", "delete", "search-type"):
        for kind in ("Media", "Binary", "Task"):
            assert short.levels(kind, interaction) == whole.levels(kind, interaction)
    assert all(short.includes(scope) for scope in scopes)


def test_a_subset_of_a_type_is_asked_for_with_a_query() -> None:
    """SMART-R132: a `?` and `param=value` items separated by `&`, as they were registered."""
    scope = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey&code=a,b"
    assert asked_for([scope]).split()[1] == scope


@pytest.mark.parametrize("value", ["two%20words", "a%26b=c", "100%25", "a%23b", "a%2Bb", "%C3%BC"])
def test_a_query_never_falls_apart(value: str) -> None:
    """SMART-R132: whatever the value, it stays one value of one scope of the list."""
    scope = asked_for([f"patient/Observation.rs?code={value}&category=x"]).split()[1]
    found = parse_resource_scope(scope)
    assert found == parse_resource_scope(f"patient/Observation.rs?code={value}&category=x")
    assert found is not None
    assert [name for name, _ in found.query] == ["code", "category"]


levels = st.sampled_from(["patient", "user", "system"])
queries = st.lists(
    st.tuples(st.sampled_from(["category", "code", "_tag"]), st.text(st.characters(codec="utf-8"), min_size=1)),
    max_size=3,
)


@given(levels, st.sampled_from(["*", "Media", "DocumentReference"]), st.integers(1, 31), queries)
def test_every_scope_asked_for_is_of_the_language(
    level: str, kind: str, bits: int, query: list[tuple[str, str]]
) -> None:
    """SMART-R135: level, slash, type or star, point, letters in order, and a query with at least one pair."""
    letters = "".join(letter for index, letter in enumerate("cruds") if bits >> index & 1)
    text = parse_resource_scope(f"{level}/{kind}.{letters}")
    assert text is not None
    scope = request_scopes(
        [type(text)(level, kind, letters, tuple(query)).as_v2()], v2=True, v1=False, ehr_launch=True
    ).split(" ")[1:]
    (only,) = scope
    again = parse_resource_scope(only)
    assert again is not None
    assert (again.level, again.resource_type, again.letters, again.query) == (level, kind, letters, tuple(query))


@pytest.mark.parametrize("level", ["patient", "user", "system"])
def test_levels_begin_the_scope_and_star_is_every_type(level: str) -> None:
    """SMART-R137, R141, R143, R146."""
    assert asked_for([f"{level}/Media.rs", f"{level}/*.r"]) == f"launch {level}/Media.rs {level}/*.r"
    granted = GrantedScopes.parse(f"{level}/*.r")
    assert granted.levels("AnyTypeThatComes", "read") == {level}


def test_only_what_is_registered_is_asked_for() -> None:
    """SMART-R46, R148: the registry's scopes and nothing more, no wildcard added."""
    assert asked_for(["openid", "user/Media.c"]).split() == ["launch", "openid", "user/Media.c"]
    assert asked_for([]) == "launch"


# --- launch context: R150 to R166 ---


@pytest.mark.parametrize("name", ["patient", "encounter"])
def test_context_is_asked_for_with_a_launch_scope(name: str) -> None:
    """SMART-R150 to R153, R166: a standalone launch asks for each context it wants, and for no other."""
    assert asked_for(["user/Media.r"], launch=None, context=[name]) == f"launch/{name} user/Media.r"
    assert asked_for(["user/Media.r"], launch=None, context=[]) == "user/Media.r"


def test_other_types_are_written_in_lower_case() -> None:
    """SMART-R155."""
    assert asked_for([], launch=None, context=["DiagnosticReport"]) == "launch/diagnosticreport"
    assert asked_for(["launch/ImagingStudy"]) == "launch launch/imagingstudy"


def test_a_role_is_appended_and_several_are_several_scopes() -> None:
    """SMART-R156, R158."""
    roles = ["https://ehr.example/roles/At-Home", "in-hospital"]
    scopes = [launch_scope("List", role=role) for role in roles]
    assert scopes == ["launch/list?role=https://ehr.example/roles/At-Home", "launch/list?role=in-hospital"]
    assert asked_for(scopes) == "launch " + " ".join(scopes)
    assert GrantedScopes.parse(asked_for(scopes)).context == {"launch", *scopes}


@pytest.mark.parametrize(
    "scope",
    ["launch/List?role=a&role=b", "launch/List?role=a?role=b", "launch/", "launch/List/1", "launch/List?x=y"],
)
def test_a_launch_scope_has_one_role_at_most(scope: str) -> None:
    """SMART-R157."""
    with pytest.raises(Misconfigured):
        asked_for([scope])


def test_an_ehr_launch_may_carry_hints() -> None:
    """SMART-R162: `launch` comes first, and hints that were registered stay."""
    asked = asked_for(["launch/patient", "launch/encounter", "user/Media.r"])
    assert asked == "launch launch/patient launch/encounter user/Media.r"


# --- identity and refresh: R195, R196, R215, R216 ---


@pytest.mark.parametrize("scopes", [["openid"], ["openid", "fhirUser"], ["online_access"], ["offline_access"]])
@pytest.mark.parametrize("launch", ["handle", None])
def test_identity_and_refresh_are_asked_for_as_registered(scopes: list[str], launch: str | None) -> None:
    """SMART-R47, R195, R196, R215, R216."""
    assert set(scopes) <= set(asked_for(scopes, launch=launch).split())
    assert not {"openid", "fhirUser", "online_access", "offline_access"} - set(scopes) & set(
        asked_for(scopes, launch=launch).split()
    )


# --- scopes as URIs: R219, R220 ---


@pytest.mark.parametrize(
    ("scope", "uri"),
    [
        ("patient/*.r", "http://smarthealthit.org/fhir/scopes/patient/*.r"),
        ("launch/patient", "http://smarthealthit.org/fhir/scopes/launch/patient"),
        ("fhirUser", "http://smarthealthit.org/fhir/scopes/fhirUser"),
        ("online_access", "http://smarthealthit.org/fhir/scopes/online_access"),
        ("patient/Media.r?a=http://x", "http://smarthealthit.org/fhir/scopes/patient/Media.r?a=http://x"),
        ("openid", "http://openid.net/specs/openid-connect-core-1_0#openid"),
        ("profile", "http://openid.net/specs/openid-connect-core-1_0#profile"),
        ("offline_access", "http://openid.net/specs/openid-connect-core-1_0#offline_access"),
    ],
)
def test_a_scope_as_a_uri_and_back(scope: str, uri: str) -> None:
    """SMART-R219, R220: also when a server grants in that form."""
    assert as_uri(scope) == uri
    assert as_uri(uri) == uri
    assert from_uri(uri) == scope
    assert GrantedScopes.parse(uri) == GrantedScopes.parse(scope)


def test_a_scope_of_somebody_else_stays_as_it_is() -> None:
    for strange in ("https://vendor.example/scopes/x", OPENID_URI_PREFIX + "strange", "__vendor"):
        assert from_uri(strange) == strange
    assert as_uri("https://vendor.example/scopes/x") == "https://vendor.example/scopes/x"
    assert not GrantedScopes.parse(OPENID_URI_PREFIX + "patient/Media.r").allows("Media", "read")
    assert not GrantedScopes.parse(URI_PREFIX).allows("Media", "read")


# --- less at a refresh: R108 ---


@pytest.mark.parametrize(
    ("granted", "scope", "within"),
    [
        ("patient/Media.cruds", "patient/Media.r", True),
        ("patient/Media.r patient/Media.s", "patient/Media.rs", True),
        ("patient/*.rs", "patient/Media.read", True),
        ("patient/Media.read", "patient/Media.rs", True),
        ("patient/Media.rs", "patient/Media.rs?type=photo", True),
        ("patient/Media.rs?type=photo", "patient/Media.rs", False),
        ("patient/Media.rs?type=photo", "patient/Media.rs?type=video", False),
        ("patient/Media.rs?type=photo", "patient/Media.s?type=photo&view=x", True),
        ("patient/Media.rs", "patient/Media.c", False),
        ("patient/Media.rs", "patient/*.rs", False),
        ("patient/Media.rs", "user/Media.rs", False),
        ("openid", "openid", True),
        ("openid", "http://openid.net/specs/openid-connect-core-1_0#openid", True),
        ("openid", "fhirUser", False),
        ("", "openid", False),
    ],
)
def test_what_lies_within_a_grant(granted: str, scope: str, within: bool) -> None:
    """SMART-R108."""
    assert GrantedScopes.parse(granted).includes(scope) is within
