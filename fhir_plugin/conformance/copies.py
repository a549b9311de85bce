"""Checks of what a chart takes where it takes no image: a page with the picture, or words that say where it is."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Final

from fhir_plugin.conformance import specimen
from fhir_plugin.conformance.bench import Bench, CannotDo, Check, CheckFailed, NothingToTry, need_true
from fhir_plugin.errors import Gone, NotFound, PluginError, RecordRefused
from mappings.model.identifiers import Reference
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of, inline_content

PDF: Final = "application/pdf"
HTML: Final = ("application/xhtml+xml", "text/html")
TEXT: Final = "text/plain"


def takes(*content_types: str) -> Callable[[Bench], str]:
    """Files one document of the first of these types that the server takes."""

    def act(bench: Bench) -> str:
        patient = bench.need("patient")
        if not bench.capability.holds("DocumentReference"):
            raise CannotDo("This server takes no DocumentReference.")
        refusals = []
        for content_type in content_types:
            if not bench.capability.takes_document(content_type):
                refusals.append(f"{content_type} (known of this family)")
                continue
            content = specimen.pages(bench.content)[content_type]
            document = _document(bench, patient, content_type, content)
            try:
                made = bench.keep(bench.record.create(document))
            except RecordRefused as refused:
                refusals.append(f"{content_type} ({refused.code})")
                continue
            bench.copy = bench.copy or made
            return _came_back(bench, made, content_type, content)
        raise CannotDo(f"Not taken: {', '.join(refusals)}.")

    return act


def _came_back(bench: Bench, made: Reference, content_type: str, content: bytes) -> str:
    attachment = attachment_of(bench.record.read(*made.split("/")))
    address = attachment.get("url")
    got = (
        bench.record.read_binary(str(address)).content
        if address
        else inline_content(bench.record.read(*made.split("/")))
    )
    need_true(got == content, f"{content_type} was taken, and came back as something else.")
    return f"{content_type} was taken, and came back as it was ({len(content)} bytes)."


def _document(bench: Bench, patient: Reference, content_type: str, content: bytes) -> specimen.Json:
    name = content_type.rpartition("/")[2].partition("+")[0]
    attachment = {"contentType": content_type, "data": base64.b64encode(content).decode(), "title": "Conformance run"}
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    document = specimen.document(bench.run, f"copy-{name}", patient, attachment)
    context: specimen.Json = {"period": {"start": now, "end": now}}
    if "encounter" in bench.capability.vendor.document_needs:
        context["encounter"] = [{"reference": _encounter(bench, patient)}]
    return {
        **document,
        "docStatus": "final",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}],
        "date": now,
        "author": [{"display": "fhir-plugin conformance"}],
        "description": "Conformance run: a drawing of nobody",
        "context": context,
    }


def _encounter(bench: Bench, patient: Reference) -> str:
    """A visit of the patient: some servers take no document that belongs to none. Raises `CannotDo`."""
    if bench.capability.searches("Encounter", "patient"):
        for each in bench.record.search("Encounter", {"patient": patient.split("/")[1]}):
            return f"Encounter/{each['id']}"
    raise CannotDo("A document has to belong to a visit here, and this patient has none that can be seen.")


def keeps_the_labels_of_a_copy(bench: Bench) -> str:
    copy = _the_copy(bench)
    found = {(label.system, label.code) for label in elements.labels_of(bench.record.read(*copy.split("/")))}
    wanted = {(each["system"], each["code"]) for each in (specimen.RESTRICTED, specimen.SENSITIVE)}
    if wanted <= found:
        return "Both security labels are on the document as it comes back."
    missing = len(wanted - found)
    if bench.capability.vendor.document_types is not None:
        raise CannotDo(
            f"It drops {missing} of the 2 labels: of sensitive images the app files words there, no picture."
        )
    raise CheckFailed(f"It lost {missing} of the document's 2 security labels.")


def a_copy_is_taken_back(bench: Bench) -> str:
    copy = _the_copy(bench)
    if bench.capability.may("DocumentReference", "delete"):
        bench.record.delete(*copy.split("/"))
        try:
            bench.record.read(*copy.split("/"))
        except (NotFound, Gone):
            return "A copy can be deleted: reading it says so."
        raise CheckFailed("It said that it deleted the document, and still shows it.")
    if not bench.capability.may("DocumentReference", "update"):
        raise CannotDo("What is filed stays: a person has to take a copy out of the chart by hand.")
    document = bench.record.read(*copy.split("/"))
    wrong = {**document, "status": "entered-in-error"}
    try:
        bench.record.put(wrong, version=elements.version_of(document))
    except PluginError as refused:
        raise CheckFailed(f"It says that a document can be changed, and refused it ({refused.code}).") from refused
    now = bench.record.read(*copy.split("/")).get("status")
    need_true(now == "entered-in-error", "It took a change of status, and the document is as it was.")
    raise CannotDo("A copy can be marked as entered in error, and not be deleted: it stays readable.")


def _the_copy(bench: Bench) -> Reference:
    if bench.copy is None:
        raise NothingToTry("There is no copy on this server to try it with.")
    return bench.copy


CHECKS = (
    Check("copy-pdf", "Takes a page with the picture (PDF)", "Copies in the chart", "G-R282", takes(PDF)),
    Check("copy-html", "Takes a page with the picture (HTML)", "Copies in the chart", "G-R282", takes(*HTML)),
    Check("copy-text", "Takes words that say where it is", "Copies in the chart", "G-R282", takes(TEXT)),
    Check("copy-labels", "Keeps a copy's labels", "Copies in the chart", "G-R254", keeps_the_labels_of_a_copy),
    Check("copy-back", "Lets a copy be taken back", "Copies in the chart", "G-R265", a_copy_is_taken_back),
)
