"""What a clinician is told after *File*: what is where, what is not, and what is still to do. In plain words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.capability import Capability
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.filing import FilingOrder, read_captured
from fhir_plugin.capture.ladder_words import said_after
from fhir_plugin.errors import ContentRefused, TooLarge
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, Outcome
from mappings.model.consent import ConsentGiver, ConsentScope, PhotoConsent, ScopeDecision
from mappings.model.identifiers import CaptureId, ImageId, Reference, Sha256
from mappings.model.images import Arrival
from mappings.model.labels import Label
from mappings.model.writeback import Rung
from mappings.terminology.consent import ANSWER_WORDS, GRANTOR_WORDS
from mappings.terminology.labels import plain_label
from mappings.terminology.photographs import CONSENT_FORM_WORDS, CONSENT_SCOPE_WORDS

Json = dict[str, Any]


@dataclass(frozen=True)
class FiledLine:
    """One image in the record. `labels` in people's words, `label_codes` as `system|code`; `link` into the chart."""

    image_id: ImageId
    reference: Reference
    version: str
    binary: Reference
    provenance: Reference
    site: str
    taken: dt.datetime | dt.date | None
    labels: tuple[str, ...]
    label_codes: tuple[str, ...]
    sha256_received: Sha256
    sha256_clean: Sha256
    sha256_read_back: Sha256
    removed: tuple[str, ...]
    show_online: bool | None = None
    link: str | None = None
    rung: Rung = Rung.SEQUENCE
    """How it is in the chart: below `document-inline` the image itself is kept by this app."""
    document: Reference | None = None
    """The copy in the chart, where that is not the image itself."""


@dataclass(frozen=True)
class Receipt:
    """What became of a capture.

    `state` is one word: filed, described, discarded, filing, waiting-for-sign-in, unresolved, nothing-current or open.
    `retry_after` in seconds, when we shall try again by ourselves.
    """

    capture_id: CaptureId
    state: str
    message: str
    filed: tuple[FiledLine, ...] = ()
    in_chart: tuple[str, ...] = ()
    """What the chart holds of the images, in words."""
    whole: bool = True
    """Whether the chart holds the images themselves."""
    consent: Reference | None = None
    decision: Reference | None = None
    """The QuestionnaireResponse that says how it was decided."""
    agreed: tuple[tuple[str, str], ...] = ()
    """What was written about consent, in words: each scope with its answer."""
    giver: str = field(default="", repr=False)
    """Who consented, and by what right; empty where nothing was written yet."""
    form: str = ""
    policy: str = ""
    """The pack that was in force, with its version."""
    provenance: Reference | None = None
    note: Reference | None = None
    audit_event: Reference | None = None
    not_stored: tuple[tuple[ImageId, str], ...] = ()
    sealed_for: tuple[str, ...] = ()
    """Why what was not stored is not destroyed yet either: kept sealed until nothing holds it any more."""
    residue: tuple[str, ...] = ()
    still_to_do: tuple[str, ...] = ()
    online_record: str = ""
    note_text: str = field(default="", repr=False)
    reason: str = ""
    retry_after: float | None = None
    outcome: str | None = None


MESSAGES: Mapping[str, str] = {
    "filed": "Filed, read back and identical.",
    "described": "The note is in the record. No picture was kept.",
    "discarded": "No picture was filed; all of them are destroyed.",
    "filing": "Still being filed. You can leave this page: the pictures are safe and filing goes on by itself.",
    "waiting-for-sign-in": (
        "Your sign-in at the EHR has ended. The pictures are safe. Open this patient again from the EHR and "
        "filing goes on by itself."
    ),
    "unresolved": (
        "We cannot tell what the EHR now holds of this, or it would not take back what was written. The pictures are "
        "safe. Look at the patient's record; somebody will look at it too, and we keep checking."
    ),
    "nothing-current": "The EHR did not accept it, so nothing was filed. The pictures are safe: change or try again.",
    "open": "Not filed yet.",
    "sending": "The patient is still sending. Nobody here sees the pictures before they confirm.",
}

SEALED_MESSAGES: Mapping[str, str] = {
    "described": "The note is in the record. No picture was filed, and none is destroyed yet.",
    "discarded": "No picture was filed, and none is destroyed yet.",
}
"""The same while something forbids destroying anything of the patient."""


def receipt_of(
    draft: Draft, intent: Intent | None, *, now: dt.datetime, link: Callable[[Reference], str | None]
) -> Receipt:
    """Where a capture stands, from what our own database knows for certain. `link` leads into the EHR's chart."""
    result: Json = dict(draft.result or {})
    state = _state(draft, intent)
    message = MESSAGES[state]
    if result.get("sealed_for") and state in SEALED_MESSAGES:
        message = SEALED_MESSAGES[state]
    if state == "nothing-current" and intent is not None and intent.reason == TooLarge.code:
        message = _too_large(draft)
    if state == "nothing-current" and intent is not None and intent.reason == ContentRefused.code:
        message = _NO_SUCH_FILES
    if state in ("nothing-current", "filing", "unresolved") and intent is not None and intent.message:
        message = f"{message} ({intent.message})"
    filed = tuple(_read_line(line, link) for line in result.get("filed", []))
    retry = intent.next_attempt - now if intent is not None and intent.next_attempt and not intent.ended else None
    return Receipt(
        capture_id=draft.capture_id,
        state=state,
        message=message,
        filed=filed,
        in_chart=tuple(result.get("in_chart", [])),
        whole=all(line.rung.whole for line in filed),
        consent=_reference(result.get("consent")),
        decision=_reference(result.get("decision")),
        agreed=tuple((scope, answer) for scope, answer in result.get("agreed", [])),
        giver=result.get("giver", ""),
        form=result.get("form", ""),
        policy=result.get("policy", ""),
        provenance=filed[0].provenance if filed else None,
        note=_reference(result.get("note")),
        audit_event=_reference(result.get("audit_event")),
        not_stored=tuple((ImageId(image), how) for image, how in result.get("not_stored", [])),
        sealed_for=tuple(result.get("sealed_for", [])),
        residue=intent.residue if intent is not None else (),
        still_to_do=tuple(result.get("still_to_do", [])),
        online_record=result.get("online_record", ""),
        note_text=result.get("note_text", ""),
        reason=intent.reason if intent is not None else "",
        retry_after=max(0.0, retry.total_seconds()) if retry is not None else None,
        outcome=intent.outcome.value if intent is not None and intent.outcome is not None else None,
    )


_NO_SUCH_FILES = (
    "This EHR does not take files of that kind, so nothing was filed, and nothing is lost. This is remembered: file "
    "again, and it goes the next best way, which the page names beside the button."
)


def _too_large(draft: Draft) -> str:
    largest = max((image.clean_size for image in draft.images if image.discarded_at is None), default=0)
    return (
        f"This EHR does not take files of that size (the largest here has {largest / 1e6:.1f} MB), so nothing was "
        "filed, and nothing is lost. Beside the button stands how it goes now: file again, or choose Describe only."
    )


def result_of(
    draft: Draft,
    order: FilingOrder,
    evidence: Mapping[str, Evidence],
    capability: Capability,
    *,
    proven: Collection[ImageId],
) -> Json:
    """What to keep for the receipt once an order has been carried out; part of the sealed draft."""
    filed = []
    for image in order.images:
        drafted = draft.image(image.image_id)
        written = evidence[f"image-{image.image_id}"]
        filed.append(
            {
                "image_id": image.image_id,
                "reference": written["reference"],
                "version": evidence.get(f"current-{image.image_id}", written)["version"],
                "binary": evidence.get(f"binary-{image.image_id}", written)["reference"],
                "provenance": evidence[f"provenance-{image.image_id}"]["reference"],
                "site": image.site.display + (f", {image.laterality}" if image.laterality else ""),
                "taken": image.captured.isoformat() if image.captured else None,
                "labels": [[label.system, label.code] for label in image.labels],
                "sha256_received": drafted.sha256_received,
                "sha256_clean": drafted.sha256_clean,
                "sha256_read_back": drafted.sha256_clean if image.image_id in proven else "",
                "removed": list(drafted.removed),
                "show_online": image.show_online,
                "rung": evidence.get(f"copy-{image.image_id}", evidence["place"]).get("rung", Rung.SEQUENCE.value),
                "document": evidence.get(f"copy-{image.image_id}", {}).get("reference"),
            }
        )
    return {
        "filed": filed,
        "in_chart": in_chart(order, evidence),
        "consent": evidence["consent"]["reference"] if "consent" in evidence else None,
        "agreed": [list(each) for each in agreed(order.consent)],
        "giver": giver_words(order.consent),
        "form": CONSENT_FORM_WORDS[order.consent.form] if order.consent.form and order.consent.decisions else "",
        "policy": order.decision.pack,
        "decision": evidence["decision"]["reference"] if "decision" in evidence else None,
        "note": evidence["note"]["reference"],
        "audit_event": evidence["audit-event"]["reference"],
        "not_stored": [[image, "described"] for image in order.described]
        + [[image, "discarded"] for image in order.discarded],
        "still_to_do": still_to_do(order),
        "online_record": online_record(order, capability),
        "note_text": order.note,
    }


def in_chart(order: FilingOrder, evidence: Mapping[str, Evidence]) -> list[str]:
    """What the chart holds of the images now, each sentence once."""
    said = []
    for image in order.images:
        copy = evidence.get(f"copy-{image.image_id}", {})
        rung = Rung(copy.get("rung") or evidence["place"].get("rung", Rung.SEQUENCE.value))
        said.append(said_after(rung, reduced=copy.get("reduced") == "yes"))
        seen = evidence.get(f"copy-{image.image_id}-look")
        said += looked_words(seen) if seen is not None else []
    return list(dict.fromkeys(said))


def looked_words(seen: Evidence) -> list[str]:
    """What looking at a copy in the chart has found, where that is not simply what was sent."""
    said = {
        "changed": "The EHR has rewritten what it was sent: the words, and the picture if there is one, are the same.",
        "unseen": "The EHR does not let this app look at it there, so that nobody has compared it with what was sent.",
    }
    found = [said[seen["kept"]]] if seen.get("kept") in said else []
    if seen.get("labels") == "no":
        found.append(
            "The EHR has not kept its labels with it: this app keeps them, and the page names what is sensitive."
        )
    return found


def agreed(consent: PhotoConsent) -> list[tuple[str, str]]:
    """Each scope that was asked with its answer, in words; receiving and storing even where nobody asked."""
    always = (ConsentScope.RECEIVE, ConsentScope.STORE)
    return [
        (CONSENT_SCOPE_WORDS[scope], ANSWER_WORDS[consent.answer(scope)] + _in_form(consent.decision(scope)))
        for scope in ConsentScope
        if scope in always or consent.decision(scope) is not None
    ]


def _in_form(decision: ScopeDecision | None) -> str:
    """How it was given, where that is not how the whole consent was."""
    form = decision.form if decision is not None else None
    return f" ({CONSENT_FORM_WORDS[form].lower()})" if form is not None else ""


def giver_words(consent: PhotoConsent) -> str:
    """Who consented and by what right, e.g. "Somebody with parental responsibility (Ann Example, mother)"; and who was
    asked beside them, with what they said (G-R101)."""
    giver = consent.giver
    also = (f"; as well {_named(each.giver)}: {ANSWER_WORDS[each.answer].lower()}" for each in consent.also)
    return _named(giver) + "".join(also)


def _named(giver: ConsentGiver) -> str:
    named = ", ".join(part for part in (giver.name.strip(), giver.relationship.strip()) if part)
    words = GRANTOR_WORDS[giver.right]
    return f"{words} ({named})" if named else words


def still_to_do(order: FilingOrder) -> list[str]:
    """What a person must do outside this software (G-R130, G-R275)."""
    if order.arrival is Arrival.EMAIL:
        return ["Delete the e-mail and its picture from the mailbox, the deleted items and the device."]
    if any((said.question, said.value) == ("device", "personal") for said in order.decision.answers):
        return ["Delete the picture from the device on which it was taken, and from any cloud copy of it."]
    if order.arrival is Arrival.OTHER:
        return ["Delete the picture from wherever it arrived: the message, the device, any cloud copy."]
    return []


def online_record(order: FilingOrder, capability: Capability) -> str:
    """Whether the patient's online record shows it, and whether this EHR is known to obey."""
    choices = {image.show_online for image in order.images}
    if not choices or choices == {None}:
        return ""
    wish = "may be shown" if choices == {True} else "is not to be shown"
    if capability.vendor.obeys_online_record_flag:
        return f"It {wish} in the patient's online record."
    return (
        f"It {wish} in the patient's online record. We wrote this down, but cannot tell whether this EHR obeys it: "
        "check the online visibility there."
    )


def _state(draft: Draft, intent: Intent | None) -> str:
    if draft.state is DraftState.FILING and intent is not None:
        if intent.state is IntentState.OPEN:
            return "filing"
        return intent.state.value
    if draft.state is DraftState.OPEN and intent is not None and intent.outcome is Outcome.NOTHING_CURRENT:
        return "nothing-current"
    return draft.state.value


def _read_line(line: Json, link: Callable[[Reference], str | None]) -> FiledLine:
    labels = tuple(Label(system, code) for system, code in line["labels"])
    reference, document = Reference(line["reference"]), _reference(line.get("document"))
    rung = Rung(line.get("rung", Rung.SEQUENCE.value))
    in_chart = reference if rung.whole else document
    return FiledLine(
        image_id=ImageId(line["image_id"]),
        reference=reference,
        version=line["version"],
        binary=Reference(line["binary"]),
        provenance=Reference(line["provenance"]),
        site=line["site"],
        taken=read_captured(line["taken"]),
        labels=tuple(plain_label(label) for label in labels),
        label_codes=tuple(str(label) for label in labels),
        sha256_received=Sha256(line["sha256_received"]),
        sha256_clean=Sha256(line["sha256_clean"]),
        sha256_read_back=Sha256(line["sha256_read_back"]),
        removed=tuple(line["removed"]),
        show_online=line["show_online"],
        link=link(in_chart) if in_chart is not None else None,
        rung=rung,
        document=document,
    )


def _reference(value: str | None) -> Reference | None:
    return Reference(value) if value else None
