"""Checks of the server's own word and of creating: patient, bytes, image, and what is written beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from fhir_plugin.adapters.fhir_json import UnusableJson, binary_json, parse_object
from fhir_plugin.conformance import specimen
from fhir_plugin.conformance.bench import Bench, CannotDo, Check, CheckFailed, need_true
from fhir_plugin.conformance.matrix import way_of
from fhir_plugin.errors import PluginError, RecordRefused, RecordUnavailable, SignInNeeded, TooLarge
from fhir_plugin.ports import TransactionEntry
from mappings.model.identifiers import PatientId, Reference
from mappings.model.writeback import Rung
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of, inline_content
from mappings.terminology import systems

BESIDE = ("Consent", "Provenance", "AuditEvent", "Task", "QuestionnaireResponse")


def describes_itself(bench: Bench) -> str:
    capability = bench.capability
    return (
        f"{capability.software or 'A server without a name'}, FHIR {capability.fhir_version}, "
        f"{len(capability.interactions)} resource types; known here as {capability.vendor.name}."
    )


def speaks_smart(bench: Bench) -> str:
    reply = bench.record.sender.ask(
        "GET", f"{bench.record.base}/.well-known/smart-configuration", "SMART discovery", token=False
    )
    if reply.status != 200:
        raise CannotDo(f"No SMART discovery: HTTP {reply.status}. People cannot launch the app from here.")
    return "It says where people sign in (.well-known/smart-configuration)."


def files_in_its_way(bench: Bench) -> str:
    """Nothing is asked: which way the app takes here follows from what is known by now."""
    way = way_of(bench.capability, bench.large)
    words = f"Of a photograph of {bench.large / 1e6:.1f} MB {way.words}."
    if not Rung(way.rung).whole:
        raise CannotDo(words)
    return words


def makes_a_patient(bench: Bench) -> str:
    if bench.patient is not None:
        bench.record.read(*bench.patient.split("/"))
        return "The patient who was named is there, and everything else is about them."
    if not bench.capability.may("Patient", "create"):
        raise CannotDo("Nobody creates a patient from here: name a synthetic one with --patient.")
    bench.patient = bench.keep(bench.record.create(specimen.patient(bench.run)))
    return "A synthetic patient was created, and everything else is about them."


def takes_raw_bytes(bench: Bench) -> str:
    return _takes_bytes(bench, "raw")


def takes_bytes_as_json(bench: Bench) -> str:
    return _takes_bytes(bench, "json")


def _takes_bytes(bench: Bench, form: str) -> str:
    if not bench.capability.holds("Binary"):
        raise CannotDo("This server has no Binary: bytes go inside the image's resource.")
    sender, what = bench.record.sender, f"create a Binary ({form})"
    patient = bench.need("patient")  # whose it is: to a sign-in for one patient, bytes of nobody are not there
    if form == "raw":
        headers, body = {"Content-Type": "image/jpeg", "X-Security-Context": str(patient)}, bench.content
    else:
        headers = {"Content-Type": "application/fhir+json"}
        body = binary_json(bench.content, "image/jpeg", id=None, security_context=patient)
    reply = sender.ask("POST", f"{sender.base}/Binary", what, headers=headers, content=body)
    if reply.status == 401:
        raise SignInNeeded("The server does not take this token.")
    if reply.status in (429, 503) and reply.retry_after is not None:
        raise RecordUnavailable(f"{what} was put off", retry_after=reply.retry_after)
    if reply.status not in (200, 201):
        raise CannotDo(f"It does not take bytes in this form: HTTP {reply.status}. The app then uses the other one.")
    location = reply.headers.get("Location", "") or reply.headers.get("Content-Location", "")
    id = location.split("/_history/")[0].rstrip("/").rpartition("/")[2] or _id_in(reply.content)
    need_true(bool(id), "It says that it stored the bytes, and not where.")
    reference = Reference(f"Binary/{id}")
    bench.made.append(reference)
    got = bench.record.read_binary(reference).content
    need_true(got == bench.content, f"{len(bench.content)} bytes were sent, {len(got)} others came back.")
    bench.binary = bench.binary or reference
    return f"{len(bench.content)} bytes were stored and came back as they were."


def _id_in(content: bytes) -> str:
    try:
        return str(parse_object(content).get("id") or "")
    except UnusableJson:
        return ""


def takes_a_large_photo(bench: Bench) -> str:
    """A photograph of twelve megapixels has about five million bytes."""
    bench.need("patient")
    content = specimen.large_image(bench.large)
    size = f"{len(content) / 1e6:.1f} MB"
    if not bench.capability.holds("Binary"):
        raise CannotDo("This server has no Binary, and a photograph of that size fits inside no resource.")
    try:
        stored = bench.record.create_binary(content, "image/jpeg", id=None, security_context=bench.patient)
    except TooLarge as refused:
        raise CannotDo(f"{size} are too much for it (HTTP {refused.status}): smaller pictures only.") from refused
    except RecordRefused as refused:
        raise _not_of_this_type(refused) from refused
    reference = bench.keep(stored)
    got = bench.record.read_binary(reference).content
    need_true(hashlib.sha256(got).digest() == hashlib.sha256(content).digest(), f"{size} came back otherwise.")
    return f"{size} were stored and came back as they were."


def _not_of_this_type(refused: RecordRefused) -> Exception:
    """A server that takes Binary or DocumentReference has no way to say of which MIME types."""
    if refused.status not in (415, 422):
        return refused
    return CannotDo(f"It takes no image/jpeg (HTTP {refused.status}), which R4 has no way to say beforehand.")


def files_an_image(bench: Bench) -> str:
    patient = bench.need("patient")
    resource_type = bench.shape
    attachment: specimen.Json = {"contentType": "image/jpeg"}
    if bench.binary is not None:
        attachment["url"] = bench.binary
    else:
        attachment["data"] = base64.b64encode(bench.content).decode()
    build = specimen.image if resource_type == "Media" else specimen.document
    try:
        bench.about = bench.keep(bench.record.create(build(bench.run, "image", patient, attachment)))
    except RecordRefused as refused:
        if resource_type == "Media":
            raise
        raise _not_of_this_type(refused) from refused
    return f"Filed as {resource_type}, with {'a Binary' if bench.binary else 'the bytes inside'}."


def reads_the_image_back(bench: Bench) -> str:
    found = bench.image()
    patient = bench.need("patient")
    subject = elements.object_of(found.get("subject")).get("reference", "")
    need_true(str(subject).endswith(patient), "The image that came back is about somebody else.")
    address = attachment_of(found).get("url")
    got = bench.record.read_binary(str(address)).content if address else inline_content(found)
    need_true(got == bench.content, "The bytes behind the image are not those that were sent.")
    return "Patient and bytes are as they were sent, through the address that the server stored."


def keeps_labels(bench: Bench) -> str:
    labels = set(elements.labels_of(bench.image()))
    wanted = {(each["system"], each["code"]) for each in (specimen.RESTRICTED, specimen.SENSITIVE)}
    missing = wanted - {(label.system, label.code) for label in labels}
    need_true(not missing, f"It lost {len(missing)} of the image's 2 security labels: nothing marks it as sensitive.")
    return "Both security labels are on the image as it comes back."


def writes_beside(resource_type: str) -> Callable[[Bench], str]:
    """What the app writes with an image; where the server refuses it, the companion store keeps it."""

    def act(bench: Bench) -> str:
        patient = bench.need("patient")
        about = bench.about or patient  # where no image is, it is about whoever it would be of
        if not bench.capability.holds(resource_type):
            raise CannotDo(f"This server takes no {resource_type}: the app keeps it in its companion store.")
        try:
            made = bench.keep(bench.record.create(specimen.beside(bench.run, resource_type, patient, about)))
        except RecordRefused as refused:
            raise CheckFailed(f"It says that it takes {resource_type}, and refused it ({refused.code}).") from refused
        bench.record.read(*made.split("/"))
        return f"{resource_type} is created here and can be read."

    return act


def creates_once(bench: Bench) -> str:
    patient = bench.need("patient")
    resource_type = bench.shape
    if resource_type not in bench.capability.conditional_create:
        raise CannotDo("It does not say that it creates under a condition: the app then looks before it repeats.")
    build = specimen.image if resource_type == "Media" else specimen.document
    resource = build(bench.run, "once", patient, {"contentType": "image/jpeg", "title": "nothing"})
    condition = f"identifier={systems.IMAGE.replace(':', '%3A')}%7C{bench.run}-once"
    first = bench.keep(bench.record.create(resource, if_none_exist=condition))
    again = bench.keep(bench.record.create(resource, if_none_exist=condition))
    need_true(first == again, "It says that it creates under a condition, and created the same thing twice.")
    return "Asked twice, it created once (If-None-Exist)."


def transacts(bench: Bench) -> str:
    """A transaction whose last entry must fail: nothing of it may stay."""
    patient, resource_type = bench.need("patient"), bench.shape
    if "transaction" not in bench.capability.system_interactions:
        raise CannotDo("It offers no transactions: the app writes one thing after another and undoes what fails.")
    build = specimen.image if resource_type == "Media" else specimen.document
    good = build(bench.run, "all", patient, {"contentType": "image/jpeg", "title": "nothing"})
    bad = {**specimen.patient(f"{bench.run}-none"), "id": PatientId("x" * 70)}
    entries = [
        TransactionEntry("POST", resource_type, good, "urn:uuid:8a0f8b2e-3c5d-4a55-9d6e-2f1c0b9a8d7e"),
        TransactionEntry("PUT", f"Patient/{'x' * 70}", bad),
    ]
    try:
        outcomes = bench.record.transact(entries)
    except PluginError:
        outcomes = []
    stayed = bench.record.search(resource_type, {"identifier": f"{systems.IMAGE}|{bench.run}-all"})
    for each in stayed:
        bench.made.append(Reference(f"{resource_type}/{each['id']}"))
    if stayed and bench.capability.vendor.atomic_transaction is False:
        raise CannotDo("A failed transaction leaves its other entries: known of this family, and never relied on.")
    need_true(not stayed, "A transaction with a failing entry left the other entry behind: it is no transaction.")
    return f"A transaction with a failing entry left nothing behind ({'refused' if not outcomes else 'told so'})."


CHECKS = (
    Check("capability", "Describes itself", "Discovery", "R4 3.1.0.9; SMART-R1", describes_itself),
    Check("smart", "Says where people sign in", "Discovery", "SMART-R2", speaks_smart),
    Check("way", "Takes whole images", "Filing", "G-R282", files_in_its_way),
    Check("patient", "Creates a synthetic patient", "Filing", "G-R123", makes_a_patient),
    Check("binary-raw", "Takes image bytes as they are", "Filing", "R4 2.41", takes_raw_bytes),
    Check("binary-json", "Takes image bytes as JSON", "Filing", "R4 2.41", takes_bytes_as_json),
    Check("binary-large", "Takes a photograph of 12 megapixels", "Filing", "G-R128", takes_a_large_photo),
    Check("image", "Files an image", "Filing", "G-R154", files_an_image),
    Check("read-back", "Gives the image back as it was", "Filing", "G-R297", reads_the_image_back),
    Check("labels", "Keeps the security labels", "Labels", "G-R254", keeps_labels),
    *(Check(f"beside-{each.lower()}", f"Takes {each}", "Filing", "G-R282", writes_beside(each)) for each in BESIDE),
    Check("create-once", "Creates once under a condition", "Filing", "R4 3.1.0.8.1", creates_once),
    Check("transaction", "Undoes a transaction that fails", "Filing", "R4 3.1.0.11.2", transacts),
)
