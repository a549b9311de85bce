"""A SMART-on-FHIR app that files patients' photographs with consent, labels and provenance."""

VERSION = "0.1.0"
"""This release: in `fhir-plugin version`, in Provenance and in AuditEvent."""
