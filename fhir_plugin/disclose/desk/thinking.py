"""What is decided about a request, worked out once for each state of it and kept while somebody looks at it."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Final, TypeVar

from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.deciding import Decision, decide
from fhir_plugin.disclose.desk.gathered import Gathered
from fhir_plugin.disclose.desk.parts import DeskParts, uk_day
from fhir_plugin.disclose.desk.people import need_gathered
from fhir_plugin.disclose.desk.pictures import digests_of
from fhir_plugin.errors import NotFound
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState
from mappings.model.identifiers import Reference, VaultId

KEPT: Final = 3
"""How many requests are kept worked out, in memory only: as many as people sit at desks of one process."""

_Key = tuple[DisclosureId, *tuple[object, ...]]


class Thinking:
    """Decisions of one process. Thread-safe."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._decided: OrderedDict[_Key, Decision] = OrderedDict()
        self._opened: OrderedDict[tuple[DisclosureId, VaultId], Gathered] = OrderedDict()

    def gathered(self, request: DisclosureRequest) -> Gathered:
        """What was read of the record. Raises `Refused` where nothing was."""
        key = (request.id, need_gathered(request))
        with self._lock:
            found = self._opened.get(key)
        if found is None:
            found = gathered.load(self._parts.vault, key[1])
            with self._lock:
                _remember(self._opened, key, found)
        return found

    def decision(self, request: DisclosureRequest) -> Decision:
        """As it is decided now; for one that was signed, as of the day of the last signature."""
        on = self._day(request)
        sent = self._sent_before(request, self.gathered(request))
        labels = tuple(self._parts.labels.of_patient(request.fhir_base, request.patient))
        concern = self._parts.concern(request)
        whose = (request.fhir_base, request.patient)
        wrong = tuple(each.reference for each in self._parts.hidden.of_patient(*whose) if each.wrong_patient)
        hidden = (self._parts.hidden.references(*whose), wrong)
        copies = tuple((each.document, each.binary, each.image) for each in self._parts.copies.of_patient(*whose))
        key = (request.id, request.revision, on, concern, labels, hidden, copies, tuple(sorted(sent.items())))
        with self._lock:
            found = self._decided.get(key)
        if found is None:
            found = decide(self._parts, request, self.gathered(request), on=on, sent_before=sent)
            with self._lock:
                _remember(self._decided, key, found)
        return found

    def forget(self, id: DisclosureId) -> None:
        """Nothing of an ended request stays in memory."""
        with self._lock:
            for decided in [key for key in self._decided if key[0] == id]:
                del self._decided[decided]
            for opened in [key for key in self._opened if key[0] == id]:
                del self._opened[opened]

    def forget_ended(self) -> None:
        """The same for every request that has ended, in another process perhaps."""
        with self._lock:
            known = {key[0] for key in self._opened}
        for id in known:
            try:
                ended = not self._parts.requests.get(id).is_open
            except NotFound:
                ended = True
            if ended:
                self.forget(id)

    def _day(self, request: DisclosureRequest) -> dt.date:
        signed = request.second or request.first
        return uk_day(signed.at) if request.state is RequestState.MAKING and signed else self._parts.today

    def _sent_before(self, request: DisclosureRequest, gathered: Gathered) -> Mapping[str, int]:
        """In how many packages each image went out: under its own name, or as the same bytes under another."""
        earlier = self._parts.requests.of_patient(request.fhir_base, request.patient)
        packages = [each.package for each in earlier if each.package is not None and each.id != request.id]
        if not packages:
            return {}
        shows = {key: digests_of(self._parts.vault, gathered, key) for key in gathered.keys}
        found: Counter[str] = Counter()
        for package in packages:
            digests = {digest for each in package.digests.values() for digest in each.split()}
            found.update(key for key in gathered.keys if Reference(key) in package.images or shows[key] & digests)
        return found


K = TypeVar("K")
V = TypeVar("V")


def _remember(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)
