"""The web application with the tester's page: `fhir-plugin serve --tester`, in one process."""

from __future__ import annotations

from flask import Flask

from fhir_plugin.adapters.secrets_folder import SecretsFolder
from fhir_plugin.app import create_app, install
from fhir_plugin.from_settings import registered_ehrs
from fhir_plugin.settings import Settings
from fhir_plugin.tester.pages import refuse_patients, register_tester
from fhir_plugin.tester.watching import Watch, WatchedTransport


def app_from_environment() -> Flask:
    """As `fhir_plugin.app.app_from_environment`, listened to. Raises `Refused` where an EHR with patients is
    registered."""
    settings = Settings()
    registry = registered_ehrs(settings, SecretsFolder(settings.secrets))
    refuse_patients(registry)
    watch = Watch()
    transport = WatchedTransport(
        watch,
        allowed_private_hosts=registry.private_hosts,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
    )
    app = create_app(install(settings, registry=registry, transport=transport))
    register_tester(app, watch, registry)
    return app
