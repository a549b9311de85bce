"""Binary in its two forms: raw bytes with their own content type, or FHIR JSON around base64."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Final

from fhir_plugin.adapters.fhir_json import UnusableJson, decode_base64
from fhir_plugin.adapters.fhir_replies import JSON_TYPES, accept_read, media_type, refusal
from fhir_plugin.errors import RecordUnavailable, TooLarge
from fhir_plugin.ports import BinaryContent
from mappings.model.identifiers import FhirBase
from smart_launch.transport import Reply

MOST_SENT: Final = 1000
_NOT_TAKEN: Final = frozenset({400, 406, 415, 422, 501})


class BinaryForms:
    """Which FHIR bases took a raw Binary and which did not, learnt by trying.

    One per process, shared by its threads.
    """

    def __init__(self) -> None:
        self._raw: dict[FhirBase, bool] = {}
        self._sent: OrderedDict[tuple[FhirBase, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def raw_taken(self, base: FhirBase) -> bool | None:
        """Whether `base` took a raw Binary; None when nobody has tried."""
        with self._lock:
            return self._raw.get(base)

    def remember(self, base: FhirBase, *, raw: bool) -> None:
        """Keeps what was learnt of `base` for the life of the process."""
        with self._lock:
            self._raw[base] = raw

    def sent_raw(self, base: FhirBase, reference: str, content: bytes) -> None:
        """These bytes went out raw and were accepted: remembered until they are read for the first time."""
        digest = hashlib.sha256(content).digest()
        with self._lock:
            self._raw[base] = True
            self._sent[base, reference] = digest
            while len(self._sent) > MOST_SENT:
                self._sent.popitem(last=False)

    def came_back(self, base: FhirBase, reference: str, content: bytes) -> None:
        """What was read. A server that spoils raw bytes (some take them for text) gets JSON from now on."""
        with self._lock:
            sent = self._sent.pop((base, reference), None)
            if sent is not None and sent != hashlib.sha256(content).digest():
                self._raw[base] = False


def raw_not_taken(reply: Reply, *, idempotent: bool) -> bool:
    """Whether this answer to a raw Binary means that the other form is worth trying.

    A 500 may have written: it counts only where asking again makes nothing twice (`idempotent`).
    """
    if reply.status not in _NOT_TAKEN and not (reply.status == 500 and idempotent):
        return False
    return not isinstance(refusal(reply, "", writing=True), TooLarge)


def accept_binary(reply: Reply, what: str) -> BinaryContent:
    """The decoded bytes in an answer, whichever form it has. Raises as for any read."""
    if reply.status != 200:
        raise refusal(reply, what, writing=False)
    kind = media_type(reply)
    if is_markup(reply) or not kind:
        raise RecordUnavailable(f"{what}: what came back is no image", code="unusable-answer")
    if kind not in JSON_TYPES:
        return BinaryContent(reply.content, kind)
    resource = accept_read(reply, what)
    data, content_type = resource.get("data"), resource.get("contentType")
    wrapped = resource.get("resourceType") == "Binary"
    if not wrapped or not isinstance(data, str) or not isinstance(content_type, str):
        raise RecordUnavailable(f"{what}: what came back is no Binary with content", code="unusable-answer")
    try:
        return BinaryContent(decode_base64(data), content_type)
    except UnusableJson as unusable:
        raise RecordUnavailable(f"{what}: what came back {unusable}", code="unusable-answer") from None


def is_markup(reply: Reply) -> bool:
    """HTML or XML: a sign-in page, an error page or a Binary as XML, never an image."""
    kind = media_type(reply)
    return kind in ("text/html", "text/xml", "application/xml") or kind.endswith("+xml")
