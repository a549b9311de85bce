"""Checks of what becomes of an image afterwards: found, relabelled, redacted, hidden, deleted, forgotten."""

from __future__ import annotations

import base64

from fhir_plugin.adapters.fhir_json import dump
from fhir_plugin.conformance import specimen
from fhir_plugin.conformance.bench import Bench, CannotDo, Check, CheckFailed, need_true
from fhir_plugin.disclose.decide import on_their_word, shipped_rules
from fhir_plugin.disclose.proven import redact_and_prove
from fhir_plugin.disclose.redact import Part
from fhir_plugin.errors import Gone, NotFound, PluginError, RecordRefused, VersionConflict
from mappings.model.disclosure import Mode, Requester
from mappings.model.identifiers import PatientId
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of
from mappings.terminology import systems


def _found_by(bench: Bench, name: str, value: str) -> str:
    about = bench.need("about")
    resource_type = about.split("/")[0]
    if not bench.capability.may(resource_type, "search-type"):
        raise CannotDo(f"{resource_type} cannot be searched here.")
    if not bench.capability.searches(resource_type, name):
        raise CannotDo(f"It does not say that {resource_type} can be searched by {name}.")
    try:
        found = bench.record.search(resource_type, {name: value})
    except RecordRefused as refused:
        raise CheckFailed(f"It says that it searches by {name}, and refused it ({refused.code}).") from refused
    references = {f"{each['resourceType']}/{each['id']}" for each in found}
    need_true(about in references, f"Searched by {name}, the image is not found.")
    strangers = [each for each in found if not _answers(bench, name, each)]
    need_true(not strangers, f"Searched by {name}, it also gave {len(strangers)} that do not answer to it.")
    return f"Found by {name}."


def _answers(bench: Bench, name: str, resource: specimen.Json) -> bool:
    """Whether a resource is one that this search asks for: some servers give everything."""
    if name == "patient":
        subject = elements.object_of(resource.get("subject")).get("reference", "")
        return str(subject).endswith(bench.need("patient"))
    if name == "identifier":
        return elements.identifier_in(resource, systems.IMAGE) == f"{bench.run}-image"
    return any(label.code == "R" for label in elements.labels_of(resource))


def found_by_patient(bench: Bench) -> str:
    return _found_by(bench, "patient", bench.need("patient").split("/")[1])


def found_by_identifier(bench: Bench) -> str:
    return _found_by(bench, "identifier", f"{systems.IMAGE}|{bench.run}-image")


def found_by_label(bench: Bench) -> str:
    return _found_by(bench, "_security", f"{specimen.CONFIDENTIALITY}|R")


def refuses_what_it_does_not_know(bench: Bench) -> str:
    """Some give everything then, and an app that believes them shows another patient's images."""
    resource_type = bench.need("about").split("/")[0]
    try:
        found = bench.record.search(resource_type, {"colour-of-the-sky": "blue"})
    except RecordRefused:
        return "A parameter that it does not know is refused, when asked to be strict."
    raise CannotDo(f"It ignores a parameter that it does not know, and gave {len(found)}: the app checks each answer.")


def guards_versions(bench: Bench) -> str:
    about = bench.need("about")
    if not bench.capability.may(about.split("/")[0], "update"):
        raise CannotDo("Nothing can be changed here once it is written.")
    image = bench.image()
    version = elements.version_of(image)
    if version is None:
        raise CannotDo("It keeps no versions: two people's changes can cross.")
    bench.record.put(image, version=version)
    try:
        bench.record.put(image, version=version)
    except VersionConflict:
        return "A change over an older version is refused (If-Match)."
    now = elements.version_of(bench.image())
    if now == version:
        return "Writing the same again makes no new version, and nothing is lost."
    raise CheckFailed("A change over an older version was taken: two people's changes can cross.")


def takes_a_stricter_label(bench: Bench) -> str:
    about = bench.need("about")
    if not bench.capability.may(about.split("/")[0], "update"):
        raise CannotDo("Labels cannot be changed here once written: this app hides the image, other systems show it.")
    image = bench.image()
    meta = elements.object_of(image.get("meta"))
    labels = [*elements.objects_of(meta.get("security")), dict(specimen.STRICTER)]
    bench.record.put({**image, "meta": {**meta, "security": labels}}, version=elements.version_of(image))
    codes = {label.code for label in elements.labels_of(bench.image())}
    need_true(specimen.STRICTER["code"] in codes, "It took a change of labels, and the new label is not there.")
    need_true({"R", "SEX"} <= codes, "A new label took the place of those before.")
    return "A label was added, and those before stayed."


def takes_a_label_away(bench: Bench) -> str:
    about = bench.need("about")
    resource_type = about.split("/")[0]
    if not bench.capability.may(resource_type, "update"):
        raise CannotDo("Labels cannot be changed here once written.")
    image = bench.image()
    meta = elements.object_of(image.get("meta"))
    kept = [each for each in elements.objects_of(meta.get("security")) if each["code"] != specimen.STRICTER["code"]]
    bench.record.put({**image, "meta": {**meta, "security": kept}}, version=elements.version_of(image))
    if specimen.STRICTER["code"] not in {label.code for label in elements.labels_of(bench.image())}:
        return "A label that was set wrongly can be taken away by an update."
    if not bench.capability.changes_labels(resource_type, remove=True):
        raise CannotDo("An update only ever adds labels here, and there is no $meta-delete: they stay.")
    bench.record.remove_labels(about, [dict(specimen.STRICTER)])
    gone = specimen.STRICTER["code"] not in {label.code for label in elements.labels_of(bench.image())}
    need_true(gone, "It says that $meta-delete takes a label away, and the label is still there.")
    return "An update only adds labels here (R4 3.1.0.7); $meta-delete takes one away."


def is_redacted(bench: Bench) -> str:
    """What this server gives of the patient, with the image withheld by its label: nothing of it may be left."""
    about, patient = bench.need("about"), bench.need("patient")
    try:
        record = list(bench.purge.everything(PatientId(patient.split("/")[1])))
        whole = "$everything"
    except RecordRefused:
        record = bench.record.search(about.split("/")[0], {"patient": patient.split("/")[1]})
        whole = "a search by patient"
    need_true(
        any(f"{each.get('resourceType')}/{each.get('id')}" == about for each in record),
        f"The image is not in {whole}: a disclosure made from it would not know of it.",
    )
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in record]}
    asked = on_their_word(Requester.INSURER, bench.today)
    done = redact_and_prove([Part("record", dump(bundle))], asked, Mode.MARKED, rules=shipped_rules())
    goes_out = b"".join(part.data for part in done.record.parts)
    shown = [each for each in (f"{bench.run}-image", about, bench.binary) if each and each.encode() in goes_out]
    need_true(not shown, "What would go to an insurer still points to the image.")
    words = {f"{each.type}/{each.id}": each.word for each in done.record.findings}
    need_true(
        words.get(about) in ("redact", "withhold", "review"), "An insurer would get the image: its label is lost."
    )
    return f"From {whole}, an insurer gets nothing of the image ({words[about]}); what goes out was searched for it."


def shows_a_stub(bench: Bench) -> str:
    """Hiding: what ordinary view shows afterwards says nothing."""
    about = bench.need("about")
    resource_type = about.split("/")[0]
    if not bench.capability.may(resource_type, "update"):
        raise CannotDo("Nothing can be changed here once written: this app hides the image, other systems show it.")
    image = bench.image()
    nothing = {"contentType": "image/jpeg"}
    stub = {**image, "content": nothing if resource_type == "Media" else [{"attachment": nothing}]}
    bench.record.put(stub, version=elements.version_of(image))
    need_true(not _shows(bench.image()), "A stub was written over the image, and it still shows it.")
    return "The image can be replaced by a stub; its bytes are then kept by the app."


def deletes(bench: Bench) -> str:
    about = bench.need("about")
    resource_type, id = about.split("/")
    if not bench.capability.may(resource_type, "delete"):
        raise CannotDo("Nothing can be deleted here: what is destroyed leaves a tombstone without content.")
    try:
        bench.record.delete(resource_type, id)
    except RecordRefused as refused:
        if refused.status == 409:
            raise CannotDo("What others refer to cannot be deleted here: a tombstone without content stays.") from None
        raise CheckFailed(f"It says that it deletes {resource_type}, and refused it ({refused.code}).") from refused
    try:
        bench.record.read(resource_type, id)
    except (NotFound, Gone):
        return "Deleted: reading it says so."
    raise CheckFailed("It said that it deleted the image, and still shows it.")


def forgets_old_versions(bench: Bench) -> str:
    about = bench.need("about")
    means = bench.purge.means(about.split("/")[0])
    before = [name for name, each in bench.purge.versions(about).items() if _shows(each)]
    if not before:
        return "It keeps no earlier version that shows anything."
    try:
        bench.purge.purge(about)
    except RecordRefused as refused:
        raise CannotDo(f"{len(before)} earlier versions still answer, and purging is refused. {means.ask}") from refused
    after = [name for name, each in bench.purge.versions(about).items() if _shows(each)]
    if not after:
        return f"{len(before)} earlier versions answered; after {means.name} none does. Destruction can be proven here."
    if means.name == "none":
        raise CannotDo(f"{len(after)} earlier versions still answer. {means.ask}")
    raise CheckFailed(f"It said that it purged, and {len(after)} earlier versions still answer. {means.ask}")


def _shows(version: specimen.Json | None) -> bool:
    """Whether it has the bytes, or says where they are."""
    return version is not None and bool({"url", "data"} & attachment_of(version).keys())


def forgets_bytes(bench: Bench) -> str:
    binary = bench.need("binary")
    if not bench.capability.may("Binary", "delete"):
        raise CannotDo("Bytes cannot be deleted here: destruction cannot be proven.")
    bench.record.delete(*binary.split("/"))
    means = bench.purge.means("Binary")
    refusal = ""
    try:
        bench.purge.purge(binary)
    except PluginError as refused:
        refusal = f" Purging is refused ({refused.code})."
    answers = bench.purge.binary_answers(binary, list(bench.purge.versions(binary)))
    holding = [each.asked for each in answers if _holds(each.content, bench.content)]
    if not holding:
        return f"After deletion and {means.name}, no form and no version of the bytes answers."
    if refusal or means.name == "none":
        raise CannotDo(f"The bytes still answer ({', '.join(holding[:3])}).{refusal} {means.ask}")
    raise CheckFailed(f"It said that it purged, and the bytes still answer ({', '.join(holding[:3])}).")


def _holds(answer: bytes | None, content: bytes) -> bool:
    return answer is not None and (content in answer or base64.b64encode(content)[:400] in answer)


CHECKS = (
    Check("by-patient", "Finds the patient's images", "Searching", "R4 3.1.1", found_by_patient),
    Check("by-identifier", "Finds an image by our identifier", "Searching", "R4 3.1.1", found_by_identifier),
    Check("by-label", "Finds by security label", "Labels", "R4 6.1.1", found_by_label),
    Check("strict", "Refuses unknown search parameters", "Searching", "R4 3.1.1.4", refuses_what_it_does_not_know),
    Check("versions", "Guards against crossing changes", "Labels", "R4 3.1.0.5", guards_versions),
    Check("raise", "Takes a stricter label", "Labels", "G-R254", takes_a_stricter_label),
    Check("lower", "Takes a label away", "Labels", "R4 3.1.0.7", takes_a_label_away),
    Check("disclose", "Lets a disclosure be redacted by label", "Disclosure", "G-R256", is_redacted),
    Check("hide", "Lets an image be hidden", "Deletion", "G-R264", shows_a_stub),
    Check("delete", "Deletes", "Deletion", "R4 3.1.0.7", deletes),
    Check("forget", "Forgets earlier versions", "Deletion", "G-R265", forgets_old_versions),
    Check("forget-bytes", "Forgets the bytes", "Deletion", "G-R265", forgets_bytes),
)
