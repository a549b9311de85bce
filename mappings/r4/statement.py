"""Our own statements about one image, when it is filed and when its label is changed: what is signed, how it lies in
the record, what it must agree with.

Servers rewrite `meta`, so whole resources cannot be signed (and R4's static canonicalisation leaves the labels
out). The statement is plain JSON of strings, canonicalised by RFC 8785 and signed as a detached JWS; it is kept in
the Provenance beside the signature, so that it can be verified after a relabelling and compared with what the
record says now.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Final

from mappings.model.filing import LabelledImage
from mappings.model.identifiers import Reference, Sha256
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems

VERSION: Final = "1"
LABEL_VERSION: Final = "label-1"
"""Of the statement of a change of label."""

_TEXTS: Final = {
    VERSION: (
        "version",
        "capture",
        "image",
        "patient",
        "sha256_clean",
        "sha256_received",
        "consent",
        "policy_version",
    ),
    LABEL_VERSION: (
        "version",
        "target",
        "image",
        "patient",
        "labels_before_sha256",
        "reason",
        "at",
        "by",
        "second",
        "policy_version",
    ),
}
STATEMENTS: Final = {VERSION: systems.STATEMENT_EXTENSION, LABEL_VERSION: systems.LABEL_STATEMENT_EXTENSION}
"""The extension that each form lies in."""
_MAY_BE_MISSING: Final = {VERSION: frozenset({"consent"}), LABEL_VERSION: frozenset({"image", "second"})}


def statement(labelled: LabelledImage, *, consent: str | None) -> Json:
    """What the signature covers. Always the same keys; labels as sorted `system|code`.

    `consent` names the Consent so that a reader finds it: its reference where the id is known, else the value of our
    consent identifier. Changing a key or a meaning needs a new `version`.
    """
    return {
        "version": VERSION,
        "capture": labelled.capture_id,
        "image": labelled.image.image_id,
        "patient": labelled.patient,
        "sha256_clean": labelled.image.sha256,
        "sha256_received": labelled.image.sha256_received,
        "labels": signed_labels(labelled.labels),
        "consent": consent,
        "policy_version": elements.string(labelled.policy_version),
    }


def label_statement(
    *,
    target: Reference,
    image: str | None,
    patient: Reference,
    before: Iterable[Label],
    after: Iterable[Label],
    reason: str,
    at: dt.datetime,
    by: Reference,
    second: Reference | None,
    policy_version: str,
) -> Json:
    """What the signature of a change of label covers: the labels from now on, sorted, and the digest of those before.

    `image` is our identifier of it, None for an image of another system. Of the labels before only a digest stands
    here: what was taken away is not told again wherever the statement goes.
    """
    return {
        "version": LABEL_VERSION,
        "target": target,
        "image": image,
        "patient": patient,
        "labels": signed_labels(tuple(after)),
        "labels_before_sha256": labels_digest(before),
        "reason": reason,
        "at": elements.instant(at),
        "by": by,
        "second": second,
        "policy_version": elements.string(policy_version),
    }


def labels_digest(labels: Iterable[Label]) -> str:
    """SHA-256, in hexadecimal, of a set of labels in the form that statements hold them, one to a line."""
    return hashlib.sha256("\n".join(signed_labels(tuple(labels))).encode()).hexdigest()


def statement_extension(statement: Json) -> Json:
    """The statement as an R4 extension of Provenance.signature; all strings: no server rewrites a reference in it."""
    parts: list[Json] = [
        {"url": key, "valueString": statement[key]}
        for key in _TEXTS[statement["version"]]
        if statement.get(key) is not None
    ]
    parts.extend({"url": "label", "valueString": label} for label in statement["labels"])
    return {"url": STATEMENTS[statement["version"]], "extension": parts}


def statement_in(signature: Json) -> Json | None:
    """The statement beside a signature, exactly as it was signed; None when it is not there or not whole.

    A part that is there twice makes it unreadable: nobody could say which one was signed.
    """
    found = [(version, each) for version, url in STATEMENTS.items() for each in elements.extensions_of(signature, url)]
    if len(found) != 1:
        return None
    version, extension = found[0]
    parts = list(elements.objects_of(extension.get("extension")))
    read: Json = dict.fromkeys(_TEXTS[version])
    labels: list[str] = []
    for part in parts:
        key, value = part.get("url"), part.get("valueString")
        if not isinstance(value, str):
            return None
        if key == "label":
            labels.append(value)
        elif key in read and read[key] is None:
            read[key] = value
        else:
            return None
    if read["version"] != version or any(read[key] is None for key in read.keys() - _MAY_BE_MISSING[version]):
        return None
    read["labels"] = labels
    return read


def disagreements(statement: Json, image: Json, *, sha256_clean: Sha256) -> tuple[str, ...]:
    """Where a statement and the record differ: keys of the statement, empty when all agree.

    `image` is the Media or DocumentReference as read back, `sha256_clean` the digest of its bytes as read back. After a
    relabelling `labels` differ: then look for the newer Provenance.
    """
    differing = []
    if statement.get("version") != VERSION:
        differing.append("version")
    if statement.get("capture") != elements.capture_of(image):
        differing.append("capture")
    if statement.get("image") != elements.identifier_in(image, systems.IMAGE):
        differing.append("image")
    if statement.get("patient") != elements.reference_of(image.get("subject")):
        differing.append("patient")
    if statement.get("sha256_clean") != sha256_clean:
        differing.append("sha256_clean")
    if statement.get("labels") != signed_labels(elements.labels_of(image)):
        differing.append("labels")
    return tuple(differing)


def signed_labels(labels: tuple[Label, ...]) -> list[str]:
    """Labels in the form and order that a statement holds them."""
    return sorted(str(label) for label in labels)
