"""Medplum's FHIR router with its repository in memory: `server.mjs`; `package-lock.json` locks what it needs."""
