"""A kept session says who somebody is behind their login, so that nobody is a second person to themselves."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.adapters.sessions import LaunchSession
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference

NOW = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("context", "person"), [({"person": "Practitioner/gp-1"}, "Practitioner/gp-1"), ({}, "PractitionerRole/r1")]
)
def test_the_person_behind_a_login_is_kept(context: dict[str, str], person: str) -> None:
    kept = LaunchSession(
        launch_id=LaunchId("l1"),
        browser_binding_hash="x",
        fhir_base=FhirBase("https://ehr.example/fhir"),
        issuer="ehr",
        patient=PatientId("p1"),
        encounter=None,
        user=Reference("PractitionerRole/r1"),
        user_display="Dr Grey",
        scopes="",
        context=context,
        created=NOW,
        last_seen=NOW,
        ends=NOW,
    )
    assert clinical_session(kept).user.person == person
