"""A record redacted for another system, which asks by `POST /fhir/$redact` and has no screen."""
