"""What HTTP says of types: which the caller sends, and which it takes (R4 http, content types)."""

from __future__ import annotations

from werkzeug.http import parse_options_header

from fhir_plugin.sandbox.fhir.exchange import FHIR_JSON
from fhir_plugin.sandbox.fhir.outcome import FhirError

JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
_FORMATS = JSON_TYPES | {"json"}
_ANY = frozenset({"*/*", "application/*"})
_OTHER_FHIR = frozenset(
    {"application/fhir+xml", "application/xml", "text/xml", "application/fhir+turtle", "xml", "ttl"}
)


def read_content_type(header: str | None) -> str:
    """The type without parameters, lower case. Raises `FhirError` 415 for another charset or FHIR version."""
    content_type, options = parse_options_header(header or "")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii") and content_type in JSON_TYPES:
        raise FhirError(415, "not-supported", "FHIR JSON is UTF-8")
    _check_version(options.get("fhirVersion") or options.get("fhirversion"), 415)
    return content_type.lower()


def check_accept(accept: str | None, format_parameter: str | None) -> None:
    """Raises `FhirError` 406 unless FHIR JSON is among what is asked for."""
    asked = format_parameter.replace(" ", "+") if format_parameter else accept
    if not asked:
        return
    for part in asked.split(","):
        content_type, options = parse_options_header(part.strip())
        if content_type.lower() in _FORMATS | (set() if format_parameter else _ANY):
            _check_version(options.get("fhirVersion") or options.get("fhirversion"), 406)
            return
    raise FhirError(406, "not-supported", f"This server answers in {FHIR_JSON}")


def wants_only_other_fhir(accept: str | None, format_parameter: str | None) -> bool:
    """For a Binary: every type asked for is a FHIR format that this server does not write."""
    asked = format_parameter or accept or ""
    kinds = [part.split(";")[0].strip().lower() for part in asked.split(",")]
    return bool(asked) and all(kind.replace(" ", "+") in _OTHER_FHIR for kind in kinds)


def _check_version(version: str | None, status: int) -> None:
    if version is not None and version not in ("4.0", "4.0.1"):
        raise FhirError(status, "not-supported", "This server speaks FHIR 4.0")
