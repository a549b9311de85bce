"""What this EHR can do: a few sentences for whoever files, and below them every reason, for a tester."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from fhir_plugin.capability import Source
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, show
from mappings.model.people import ClinicalSession, Role

this_ehr = Blueprint("this_ehr", __name__, url_prefix="/l/<launch>/this-ehr")

SOURCES = {
    Source.SEEN: "seen by running it",
    Source.DOCUMENTS: "from its vendor\u2019s documents; nobody of this project has run it",
    Source.NOTES: "from notes of others; nobody of this project has run it",
}

COLUMNS = ("create", "change", "read", "search", "delete", "old versions")
"""The words for `capture.this_ehr.INTERACTIONS`, in the same order."""

FACTS = {
    "raw_binary": "takes image files as they are",
    "rewrites_urn_in_attachments": "completes links to files inside a transaction",
    "atomic_transaction": "undoes all of a transaction when one part fails",
    "max_body_bytes": "largest request, bytes",
    "obeys_online_record_flag": "obeys what is said about the online record",
    "document_types": "kinds of documents",
    "largest_document": "largest document, bytes",
    "document_needs": "demands of every document",
    "denied": "claims, and does not do",
    "note": "",
}


@this_ehr.get("")
@launched(*Role)
def page(session: ClinicalSession) -> ResponseReturnValue:
    """Reads only, and nothing of the patient but who they are."""
    return show(
        "this_ehr.html",
        session,
        parts().captures.patient(session),
        ehr=parts().captures.this_ehr(session),
        sources=SOURCES,
        columns=COLUMNS,
        facts=FACTS,
    )
