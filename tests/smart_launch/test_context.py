"""What a launch is about: read strictly where it decides about whom, leniently elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import (
    ContextItem,
    FhirUser,
    Grant,
    LaunchContext,
    PatientMissing,
    UnusableReply,
    read_context,
    read_fhir_user,
)
from smart_launch.token import read_grant
from tests.smart_launch.counterparty import BASE, NOW, an_issuer


def a_grant(scope: str = "user/Media.rs", **parameters: Any) -> Grant:
    answer = {"access_token": "a", "token_type": "bearer", "scope": scope, **parameters}
    return read_grant(answer, an_issuer(), requested="", now=NOW)


def read(scope: str = "user/Media.rs", **parameters: Any) -> LaunchContext:
    return read_context(a_grant(scope, **parameters))


def test_everything_that_smart_names() -> None:
    found = read(
        patient="p.1-A",
        encounter="e1",
        need_patient_banner=False,
        intent="add-photo",
        smart_style_url="https://ehr.example/style.json?v=2",
        tenant="org-1",
        fhirContext=[{"reference": "ServiceRequest/1"}],
        unknown={"x": 1},
        __epic={"y": 2},
    )
    assert (found.patient, found.encounter) == ("p.1-A", "e1")
    assert not found.need_patient_banner
    assert (found.intent, found.tenant) == ("add-photo", "org-1")
    assert found.smart_style_url == "https://ehr.example/style.json?v=2"
    assert found.references("ServiceRequest") == ("ServiceRequest/1",)
    assert "p.1-A" not in repr(found)
    assert "e1" not in repr(found)


def test_nothing_given() -> None:
    assert read() == LaunchContext()


@pytest.mark.parametrize("name", ["patient", "encounter"])
@pytest.mark.parametrize(
    "value", ["Patient/1", "a b", "x" * 65, 7, ["p1"], {"id": "p1"}, "p1\n", "../x", ".", "..", True]
)
def test_who_it_is_about_is_never_guessed(name: str, value: Any) -> None:
    with pytest.raises(UnusableReply) as caught:
        read(**{name: value})
    assert value == "." or str(value) not in str(caught.value), "a sentence has a full stop, and no value"


@pytest.mark.parametrize("scope", ["patient/Media.rs", "patient/*.read", "openid user/X.r patient/Media.c?a=b"])
@pytest.mark.parametrize("parameters", [{}, {"patient": ""}, {"patient": None}])
def test_patient_access_needs_a_patient(scope: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(PatientMissing):
        read(scope, **parameters)
    assert read(scope, patient="p1").patient == "p1"


@pytest.mark.parametrize(
    ("value", "banner"),
    [(True, True), (False, False), ("false", False), ("true", True), (None, True), (0, False), ("no", True)],
)
def test_the_banner_is_shown_unless_the_ehr_says_no(value: Any, banner: bool) -> None:
    assert read(need_patient_banner=value).need_patient_banner is banner


@pytest.mark.parametrize("value", ["", 7, ["x"], "x" * 300, "a\nb", "\x00"])
def test_a_strange_intent_is_dropped(value: Any) -> None:
    found = read(intent=value, tenant=value)
    assert (found.intent, found.tenant) == (None, None)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("style.json", f"{BASE}/style.json"),
        ("http://ehr.example/style.json", None),
        ("javascript:alert(1)", None),
        ("https://user@ehr.example/x", None),
        ("https://[::1", None),
        (7, None),
        ("", None),
    ],
)
def test_only_a_safe_style_url_is_kept(value: Any, url: str | None) -> None:
    assert read(smart_style_url=value).smart_style_url == url


def test_fhir_context_with_roles() -> None:
    found = read(
        fhirContext=[
            {"reference": "ServiceRequest/1", "type": "ServiceRequest"},
            {"reference": "Patient/2", "role": "https://example.org/role/twin"},
            {"canonical": "http://example.org/Questionnaire/1", "type": "Questionnaire"},
            {"identifier": {"system": "s", "value": "v"}, "type": "Task", "role": "launch"},
            {"reference": "https://other.example/fhir/Task/9"},
        ]
    )
    assert [item.role for item in found.fhir_context] == [
        "launch",
        "https://example.org/role/twin",
        "launch",
        "launch",
        "launch",
    ]
    assert found.references("Patient") == ()
    assert found.references("Patient", role="https://example.org/role/twin") == ("Patient/2",)
    assert found.references("Task") == ("https://other.example/fhir/Task/9",)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "Patient/1",
        {},
        {"role": "x"},
        {"reference": "Task/1", "role": ""},
        {"reference": "Task/1", "role": None},
        {"reference": 7},
        {"reference": "Task/1", "type": []},
        {"identifier": "x"},
        {"reference": "Patient/2"},
        {"reference": "Encounter/2", "role": "launch"},
        {"reference": "https://fhir.ehr.example/r4/Patient/2"},
        {"identifier": {"value": "x"}, "type": "Patient"},
    ],
)
def test_an_illegal_entry_is_dropped_and_the_others_stay(entry: Any) -> None:
    found = read(fhirContext=[entry, {"reference": "Task/1"}])
    assert found.fhir_context == (ContextItem(reference="Task/1", resource_type="Task"),)


@pytest.mark.parametrize("value", [None, {}, "x", 7])
def test_a_fhir_context_that_is_no_list(value: Any) -> None:
    assert read(fhirContext=value).fhir_context == ()


def test_a_second_patient_cannot_enter_through_the_side() -> None:
    found = read("patient/Media.rs", patient="p1", fhirContext=[{"reference": "Patient/p2"}])
    assert found.patient == "p1"
    assert found.fhir_context == ()


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("Practitioner/7", FhirUser("Practitioner", "7", BASE, True)),
        ("/PractitionerRole/7", FhirUser("PractitionerRole", "7", BASE, True)),
        (f"{BASE}/Practitioner/7", FhirUser("Practitioner", "7", BASE, True)),
        (
            "https://directory.example/fhir/Practitioner/7",
            FhirUser("Practitioner", "7", "https://directory.example/fhir", False),
        ),
        ("Person/a.b-c", FhirUser("Person", "a.b-c", BASE, True)),
        ("RelatedPerson/1", FhirUser("RelatedPerson", "1", BASE, True)),
        ("Patient/1", FhirUser("Patient", "1", BASE, True)),
    ],
)
def test_fhir_user(claim: str, expected: FhirUser) -> None:
    found = read_fhir_user(claim, BASE + "/")
    assert found == expected
    assert found is not None
    assert found.reference == (claim.lstrip("/").removeprefix(BASE + "/") if expected.here else claim)


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "",
        7,
        "7",
        "Device/7",
        "Practitioner/",
        "Practitioner/7/_history/1",
        "Practitioner/a b",
        "Practitioner/7?x",
        "http://directory.example/fhir/Practitioner/7",
        "https://directory.example/fhir/Practitioner/7?x=y",
        "https://user@directory.example/Practitioner/7",
        "//evil.example/Practitioner/7",
        "../Practitioner/7",
        "Practitioner/.",
        "Practitioner/..",
        "https://directory.example/fhir/../Practitioner/7",
        "https://directory.example/fhir/%2e%2e/Practitioner/7",
        "javascript://x/Practitioner/7",
    ],
)
def test_a_fhir_user_that_is_not_understood_is_nobody(claim: Any) -> None:
    assert read_fhir_user(claim, BASE) is None


@given(
    st.dictionaries(
        st.sampled_from(
            ["fhirContext", "need_patient_banner", "intent", "smart_style_url", "tenant", "patient", "encounter"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["p1", "Patient/1"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["reference", "role", "type", "canonical", "identifier"]), inner, max_size=4
                )
            ),
            max_leaves=6,
        ),
    )
)
def test_no_context_breaks_the_reader(parameters: dict[str, Any]) -> None:
    try:
        found = read("patient/Media.rs", **parameters)
    except (PatientMissing, UnusableReply):
        return
    assert found.patient == parameters["patient"]
