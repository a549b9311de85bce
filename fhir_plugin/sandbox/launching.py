"""Launching an app from the chart: the launch context is settled, a handle made, the app's URL built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from fhir_plugin.sandbox.fhir.store import FhirStore
from fhir_plugin.sandbox.oauth.context import LaunchContext
from fhir_plugin.sandbox.oauth.server import SmartServer
from fhir_plugin.sandbox.people import organisation_id


class LaunchRefused(Exception):
    """There is no such app, person, patient or visit. The message names which, by id."""


@dataclass(frozen=True)
class Launch:
    """One launch: the URL to open, and its two parameters."""

    url: str
    iss: str
    handle: str


class Launcher:
    """Makes EHR launches for signed-in people (SMART App Launch 2.2, "Launch App: EHR Launch")."""

    def __init__(self, server: SmartServer, store: FhirStore) -> None:
        self._server = server
        self._store = store

    def context(
        self, patient: str | None, encounter: str | None, *, banner: bool = True, intent: str | None = None
    ) -> LaunchContext:
        """The context of this EHR: its style, its tenant, and whether the app must show who the patient is."""
        return LaunchContext(
            patient=patient,
            encounter=encounter,
            need_patient_banner=banner,
            smart_style_url=f"{self._server.base_url}/static/smart-style.json",
            intent=intent,
            tenant=organisation_id(),
        )

    def open(
        self,
        *,
        client_id: str,
        user: str,
        patient: str | None,
        encounter: str | None = None,
        banner: bool = True,
        intent: str | None = None,
        fhir_context: tuple[dict[str, Any], ...] = (),
    ) -> Launch:
        """A launch that the app can redeem once. Raises `LaunchRefused`."""
        client = self._server.clients.find(client_id)
        if client is None or client.registration.backend:
            raise LaunchRefused(f"There is no app {client_id!r} to launch.")
        if user not in self._server.users:
            raise LaunchRefused(f"There is no person {user!r} to sign in as.")
        if patient is not None and self._store.read("Patient", patient) is None:
            raise LaunchRefused(f"There is no patient {patient!r}.")
        if encounter is not None:
            visit = self._store.read("Encounter", encounter)
            if visit is None or visit.get("subject", {}).get("reference") != f"Patient/{patient}":
                raise LaunchRefused(f"There is no visit {encounter!r} of this patient.")
        context = replace(
            self.context(patient, encounter, banner=banner, intent=intent or client.registration.intent),
            fhir_context=fhir_context,
        )
        handle = self._server.launches.open(client_id=client_id, user=user, context=context)
        iss = self._server.fhir_base
        url = client.registration.launch_url_of(user)
        return Launch(_with_query(url, iss=iss, launch=handle), iss, handle)


def _with_query(url: str, **parameters: str) -> str:
    found, added = urlsplit(url), urlencode(parameters)
    return found._replace(query=f"{found.query}&{added}" if found.query else added).geturl()
