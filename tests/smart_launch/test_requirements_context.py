"""What SMART asks of launch context, and whom `authorization_details` (experimental) may name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import (
    Grant,
    LaunchRefused,
    PatientMissing,
    ScopeTooNarrow,
    SmartError,
    Transport,
    UnusableReply,
    read_context,
    refresh,
)
from smart_launch.discovery import read_configuration
from smart_launch.token import read_grant
from tests.smart_launch.counterparty import (
    ACCESS,
    BASE,
    NOW,
    REFRESH,
    Counterparty,
    a_configuration,
    an_issuer,
)

OTHER = "https://fhir.other.example/r4"


def granted(*, scope: str = "patient/Media.cruds", **parameters: Any) -> Grant:
    answer = {"access_token": ACCESS, "token_type": "Bearer", "scope": scope, "refresh_token": REFRESH, **parameters}
    return read_grant(answer, an_issuer(), requested="", now=NOW)


def details(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "smart_on_fhir", "fhirVersions": ["4.0.1"], **entry} for entry in entries]


HERE = {"locations": [BASE], "patient": "p1", "encounter": "e1"}
THERE = {"locations": [OTHER], "patient": "p9", "encounter": "e9"}


@pytest.mark.parametrize("location", [BASE, BASE + "/"])
def test_details_of_our_base_name_the_patient(location: str) -> None:
    context = read_context(granted(authorization_details=details(THERE, {**HERE, "locations": [OTHER, location]})))
    assert (context.patient, context.encounter) == ("p1", "e1")


@pytest.mark.parametrize(
    "entries",
    [
        details(THERE),
        details({"patient": "p1"}),
        details({"patient": "p1", "locations": BASE}),
        details({"patient": "p1", "locations": [BASE + "x", BASE + "/Patient", BASE.upper(), 7]}),
        [{"type": "other", **HERE}],
        [HERE],
        ["x", None],
        {"type": "smart_on_fhir", **HERE},
        "x",
    ],
)
def test_details_of_anything_else_name_nobody(entries: Any) -> None:
    with pytest.raises(PatientMissing):
        read_context(granted(authorization_details=entries))


def test_details_that_agree_change_nothing() -> None:
    context = read_context(granted(patient="p1", authorization_details=details(HERE, HERE, THERE)))
    assert (context.patient, context.encounter) == ("p1", "e1")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"patient": "p2", "authorization_details": details(HERE)}, "patient"),
        ({"authorization_details": details(HERE, {**HERE, "patient": "p2"})}, "patient"),
        ({"encounter": "e2", "authorization_details": details(HERE)}, "encounter"),
    ],
)
def test_two_answers_to_whom_it_is_about_are_refused(parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(LaunchRefused) as caught:
        read_context(granted(**parameters))
    assert caught.value.code == "context-contradiction"
    assert name in caught.value.message and "p2" not in caught.value.message and "e2" not in caught.value.message


@pytest.mark.parametrize("patient", [7, "Patient/1", "a b", ["p1"], True])
def test_details_with_no_fhir_id_are_refused(patient: Any) -> None:
    with pytest.raises(UnusableReply):
        read_context(granted(authorization_details=details({**HERE, "patient": patient})))


def test_a_token_for_several_servers_is_still_sent_to_ours_only() -> None:
    grant = granted(authorization_details=details(HERE, THERE))
    assert grant.header_for(f"{BASE}/Media")
    with pytest.raises(SmartError):
        grant.header_for(f"{OTHER}/Media")


some_details = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["smart_on_fhir", "other"])},
        optional={
            "locations": st.lists(st.sampled_from([BASE, BASE + "/", OTHER]), max_size=2),
            "patient": st.sampled_from(["p1", "p2", "", None]),
        },
    ),
    max_size=4,
)


@given(st.sampled_from([None, "p1", "p2"]), some_details)
def test_nobody_is_ever_guessed(stated: str | None, entries: list[dict[str, Any]]) -> None:
    """However a response names people, it is one, or nobody, or refused."""
    about = {stated} | {
        each.get("patient")
        for each in entries
        if each["type"] == "smart_on_fhir" and {BASE, BASE + "/"} & set(each.get("locations", []))
    }
    named = about - {None, ""}
    answer = granted(scope="openid", patient=stated, authorization_details=entries)
    if len(named) > 1:
        with pytest.raises(LaunchRefused):
            read_context(answer)
    else:
        assert read_context(answer).patient == next(iter(named), None)


# --- the same at a refresh ---


def refreshed(wire: Transport, grant: Grant, **options: Any) -> Grant:
    issuer = an_issuer()
    return refresh(grant, issuer, read_configuration(issuer, a_configuration()), wire, now=NOW, **options)


@pytest.mark.parametrize("old", [{"patient": "p1", "encounter": "e1"}, {"authorization_details": details(HERE)}])
def test_a_refresh_cannot_change_the_patient_through_details(
    ehr: Counterparty, wire: Transport, old: dict[str, Any]
) -> None:
    ehr.answer = {"patient": None, "authorization_details": details({**HERE, "patient": "p2"})}
    with pytest.raises(LaunchRefused) as caught:
        refreshed(wire, granted(**old))
    assert caught.value.code == "patient-changed"
    ehr.answer = {"patient": None, "authorization_details": details(HERE)}
    assert read_context(refreshed(wire, granted(**old))).patient == "p1"


def test_a_refresh_that_names_nobody_takes_nobody_away(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"patient": ""}
    assert read_context(refreshed(wire, granted(patient="p1"))).patient == "p1"


def test_a_refresh_never_asks_for_more_than_was_granted(ehr: Counterparty, wire: Transport) -> None:
    """SMART-R107, R108."""
    grant = granted(patient="p1", scope="patient/Media.rs openid")
    for more in ("patient/Media.rsu", "patient/Media.rs user/Media.r", "openid fhirUser"):
        with pytest.raises(ScopeTooNarrow):
            refreshed(wire, grant, scopes=more)
    assert ehr.forms == []
    refreshed(wire, grant, scopes="patient/Media.r")
    refreshed(wire, grant)
    assert [form.get("scope") for form in ehr.forms] == ["patient/Media.r", None]


# --- roles and intent ---


def test_no_role_means_launch() -> None:
    """SMART-R191."""
    entries = [{"reference": "ImagingStudy/1"}, {"reference": "ImagingStudy/2", "role": "previous"}]
    context = read_context(granted(patient="p1", fhirContext=entries))
    assert [item.role for item in context.fhir_context] == ["launch", "previous"]
    assert context.references("ImagingStudy") == ("ImagingStudy/1",)
    said = [{**entries[0], "role": "launch"}, entries[1]]
    assert read_context(granted(patient="p1", fhirContext=said)) == context
    assert json.dumps(said) not in repr(context)
