"""The table of ways to forget in docs/deletion-servers.md, from the files that the app reads."""

from __future__ import annotations

from typing import Final

from fhir_plugin.adapters.purge_means import PurgeWay, ways

NAMES: Final = {
    "hapi": "HAPI FHIR JPA",
    "medplum": "Medplum",
    "firely": "Firely Server",
    "linuxforhealth": "LinuxForHealth FHIR Server",
    "healthlake": "AWS HealthLake",
    "google": "Google Cloud Healthcare API",
    "azure": "Azure Health Data Services",
    "blaze": "Blaze (FHIR R6)",
}


def rows_of() -> list[str]:
    """Head and rows, in Markdown."""
    return ["| means | at | asked as |", "|---|---|---|", *(_row(way) for way in ways())]


def _row(way: PurgeWay) -> str:
    at = [NAMES[family] for family in sorted(way.families)]
    at += ["others that tell of it"] if way.strangers else []
    if not way.path:
        return f"| `{way.means.name}` | everybody else | nothing is asked |"
    names = ", ".join(f"`{parameter['name']}`" for parameter in way.parameters)
    said = f" with {names}" if names else ""
    later = "; done later, as a job" if way.later else ""
    return f"| `{way.means.name}` | {', '.join(at)} | `{way.method} [type]/[id]/{way.path}`{said}{later} |"
