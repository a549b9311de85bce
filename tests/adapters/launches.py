"""Launch values for the tests of their stores; every secret carries the canary."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fhir_plugin.adapters.sessions import LaunchSession
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from smart_launch.authorize import PendingLaunch, binding_of
from smart_launch.discovery import SmartConfiguration
from smart_launch.scope import GrantedScopes
from smart_launch.token import Grant

CANARY = "CANARY-5ec2e7"
BASE = "https://ehr.example/fhir"


def make_grant(now: dt.datetime, *, seconds: float = 300, name: str = "first", refreshable: bool = True) -> Grant:
    return Grant(
        iss=BASE,
        fhir_base=BASE,
        access_token=f"{CANARY}-access-{name}",
        expires_at=now + dt.timedelta(seconds=seconds),
        scopes=GrantedScopes.parse("patient/Media.crus launch"),
        refresh_token=f"{CANARY}-refresh-{name}" if refreshable else None,
        id_token=f"{CANARY}-id",
        parameters={"patient": "p1", "tenant": CANARY},
    )


def make_session(now: dt.datetime, launch: str = "launch-1", **changes: Any) -> LaunchSession:
    values: dict[str, Any] = {
        "launch_id": LaunchId(launch),
        "browser_binding_hash": binding_of("cookie"),
        "fhir_base": FhirBase(BASE),
        "issuer": BASE,
        "patient": PatientId("p1"),
        "encounter": "e1",
        "user": Reference("Practitioner/gp-1"),
        "user_display": f"Dr {CANARY} Ä",
        "scopes": "patient/Media.crus",
        "context": {"need_patient_banner": True, "intent": CANARY},
        "created": now,
        "last_seen": now,
        "ends": now + dt.timedelta(hours=8),
    }
    return LaunchSession(**{**values, **changes})


def make_pending(now: dt.datetime, *, minutes: float = 10) -> PendingLaunch:
    return PendingLaunch(
        iss=BASE,
        aud=BASE,
        redirect_uri="https://app.example/callback",
        requested="launch openid",
        configuration=SmartConfiguration(fhir_base=BASE, token_endpoint="https://ehr.example/token"),
        created_at=now,
        expires_at=now + dt.timedelta(minutes=minutes),
        ehr_launch=True,
        state=f"{CANARY}-state",
        verifier=f"{CANARY}-verifier",
        nonce=f"{CANARY}-nonce",
        browser_binding=binding_of("cookie"),
    )
