"""The disclosure desk in memory: what `web.disclosing.contract.Desk` asks, with a record of twenty images."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from PIL import Image

from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.desk.values import Accounted, Facts, ItemWords
from fhir_plugin.disclose.desk.view import is_kept_hidden
from fhir_plugin.disclose.package import AS_SENT
from fhir_plugin.disclose.send import Earlier
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound, PluginError, UnacceptableImage
from mappings.model.disclosure import (
    Authority,
    Competence,
    ConsentToRelease,
    Mode,
    Opinion,
    Reason,
    Redact,
    Release,
    Requester,
    RequesterRow,
    Review,
    Reviewer,
    Verdict,
    Withhold,
)
from mappings.model.disclosure_request import (
    Decided,
    DeskItem,
    DeskView,
    DisclosureId,
    DisclosureRequest,
    HarmOpinion,
    ItemKey,
    MadePackage,
    Override,
    RequestState,
    Signature,
)
from mappings.model.identifiers import PatientId, Reference, Sha256, VaultId
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Role
from tests.fakes.clock import FakeClock
from tests.web.desk_record import a_record
from tests.web.fake_gallery import as_jpeg


class FakeDesk:
    """Requests in a dict. `trouble` is raised by the next call of the method of that name; `done` says what was."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.requests: dict[DisclosureId, DisclosureRequest] = {}
        self.items: dict[DisclosureId, list[DeskItem]] = {}
        self.begun: dict[str, DisclosureId] = {}
        self.trouble: dict[str, PluginError] = {}
        self.done: list[tuple[str, object]] = []
        self.revealed: set[tuple[str, ItemKey]] = set()
        self.opened: set[tuple[str, DisclosureId]] = set()
        self.cannot_be_made = ""
        self.reading: list[float] = []
        """What the next views say of the reading, one after the other."""
        self.why_second: tuple[str, ...] = ()
        self.sent: list[Accounted] = []
        self.damaged = 0
        """How many requests cannot be read."""
        self.fresh: Callable[[], list[DeskItem]] = a_record
        self.texts: dict[ItemKey, str] = {}
        self.page = "<!DOCTYPE html><html lang=en><title>Record</title><h1>What you asked for</h1><p>Item 1</html>"
        self.pixels = as_jpeg(Image.linear_gradient("L").resize((640, 480)))
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------------------------------------ reading

    def rows(self) -> Sequence[RequesterRow]:
        return tuple(shipped_rules().rows[each] for each in Requester)

    def allowed_modes(self, requester: Requester) -> Sequence[Mode]:
        return tuple(Mode) if shipped_rules().rows[requester].silent else (Mode.MARKED,)

    def of_patient(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        self._stumble("of_patient")
        return [each for each in self.requests.values() if each.patient == session.patient_id]

    def of_practice(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        return [each for each in self.requests.values() if each.is_open]

    def due(self, request: DisclosureRequest) -> tuple[dt.date | None, int | None]:
        limit = shipped_rules().rows[request.requester].time_limit
        due = limit.due(request.received, extended=bool(request.extended_because))
        return due, None if due is None else (due - self.clock.now().date()).days

    def view(self, session: ClinicalSession, id: DisclosureId) -> DeskView:
        self._stumble("view")
        request = self._get(session, id)
        due, left = self.due(request)
        every = [self._as_seen(session, request, item) for item in self.items.get(id, [])]
        asks = [item for item in every if item.asks is not None]
        kinds = {Release: "release", Redact: "redact", Withhold: "withhold", Review: "review"}
        counts = {word: sum(isinstance(item.decided, kind) for item in every) for kind, word in kinds.items()}
        privacy = Role.PRIVACY_OFFICER in session.user.roles
        return DeskView(
            request=request,
            items=tuple(item for item in every if privacy or not is_kept_hidden(item)),
            hidden=sum(map(is_kept_hidden, every)),
            counts=counts,
            undecided=len(asks),
            due=due,
            days_left=left,
            may_sign=not asks and request.gathered is not None,
            why_second=self.why_second,
            missing=tuple(f"{item.title} waits." for item in asks if not item.hidden),
            digest=f"digest-{request.revision}",
            reading=self.reading.pop(0) if self.reading else None,
        )

    def words(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> ItemWords:
        item = self._item(session, id, key)
        before = {"resourceType": item.type, "status": "completed", "derivedFrom": [{"reference": "Media/m13"}]}
        after = {name: value for name, value in before.items() if name != "derivedFrom"}
        if isinstance(item.decided, Redact):
            after = {"resourceType": item.type, "status": "unknown"}
        out = not isinstance(item.decided, Withhold)
        return ItemWords(
            facts=(("Status", "completed"), ("Body site", "Forearm")),
            text=self.texts.get(key, "See the other picture." if item.cuts else ""),
            before=json.dumps(before, indent=2),
            after=json.dumps(before if isinstance(item.decided, Release) and not item.cuts else after) if out else None,
        )

    def picture(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[bytes, str]:
        self._item(session, id, key)
        if (session.launch_id, key) not in self.revealed:
            raise NotAllowed("Open it with a reason first.", code="not-revealed")
        return self.pixels, "image/jpeg"

    def upright(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, quarter_turns: int) -> bytes:
        return self.picture(session, id, key)[0]

    def preview(self, session: ClinicalSession, id: DisclosureId) -> str:
        self._get(session, id)
        return self.page

    def open_preview(self, session: ClinicalSession, id: DisclosureId, reason: str) -> None:
        self._get(session, id)
        self.opened.add((session.launch_id, id))

    def preview_is_open(self, session: ClinicalSession, id: DisclosureId) -> bool:
        self._get(session, id)
        return (session.launch_id, id) in self.opened

    def as_sent(self, session: ClinicalSession, id: DisclosureId, name: str) -> Iterator[bytes]:
        if name not in AS_SENT:
            raise NotFound("no such page", status=404)
        if not self.preview_is_open(session, id):
            raise NotAllowed("Open it with a reason first.", code="reveal-first")
        return self._pieces(name)

    def _pieces(self, name: str) -> Iterator[bytes]:
        if self.cannot_be_made:
            raise UnacceptableImage(self.cannot_be_made)
        yield from (f"<p>{name}</p>".encode(), self.page.encode())

    def package(self, session: ClinicalSession, id: DisclosureId) -> tuple[str, Iterator[bytes]]:
        self._get(session, id)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            made.writestr("record.html", self.page)
        return "record.zip", iter([out.getvalue()])

    def unreadable(self, session: ClinicalSession) -> int:
        return self.damaged

    def accounting(self, session: ClinicalSession) -> Sequence[Accounted]:
        return self.sent

    def accounting_sheet(self, session: ClinicalSession, also: Collection[str]) -> Iterator[bytes]:
        self.done.append(("accounting_sheet", tuple(also)))
        return iter([b"%PDF-1.7 ", *(each.recipient.encode() for each in self.sent)])

    def sent_to(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> Sequence[Earlier]:
        self._item(session, id, key)
        return [Earlier(self.clock.now(), "Acme Insurance", "An insurer", "d0", same_bytes=True)]

    # ------------------------------------------------------------------------------------------ deciding

    def begin(self, session: ClinicalSession, facts: Facts, *, once: str = "") -> DisclosureRequest:
        self._stumble("begin")
        if once in self.begun:
            return self.requests[self.begun[once]]
        id = DisclosureId(f"d{next(self._numbers)}")
        made = DisclosureRequest(
            id=id,
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            requester=Requester(facts.said["requester"]),
            received=self.clock.now().date(),
            created=self.clock.now(),
            created_by=session.user.reference,
        )
        self.requests[id] = self._said(made, facts.said)
        if once:
            self.begun[once] = id
        return self.requests[id]

    def _said(self, request: DisclosureRequest, said: Mapping[str, str]) -> DisclosureRequest:
        if not said.get("recipient", "").strip():
            raise Incomplete("Something is missing.", fields={"recipient": "Say who gets it."})
        try:
            received = dt.date.fromisoformat(said.get("received", ""))
        except ValueError as error:
            raise Incomplete("Something is missing.", fields={"received": "Give the day."}) from error
        return replace(
            request,
            received=received,
            consent=ConsentToRelease(said.get("consent") or "not-asked"),
            authority=Authority(said.get("authority") or "not-seen"),
            competence=Competence(said.get("competence") or "unknown"),
            agrees={"yes": True, "no": False}.get(said.get("agrees", "")),
            mode=Mode(said.get("mode") or "marked"),
            recipient=said["recipient"],
            relationship=said.get("relationship", ""),
            identity_checked=said.get("identity_checked", ""),
            purpose=said.get("purpose", ""),
        )

    def change(self, session: ClinicalSession, id: DisclosureId, facts: Facts, *, revision: int) -> DisclosureRequest:
        return self._saved("change", session, id, revision, lambda request: self._said(request, facts.said))

    def extend(
        self, session: ClinicalSession, id: DisclosureId, reason: str, told: str, *, revision: int
    ) -> DisclosureRequest:
        if not told:
            raise Incomplete("Not told.", fields={"told": "Give the day."})
        day = dt.date.fromisoformat(told)
        return self._saved(
            "extend", session, id, revision, lambda r: replace(r, extended_because=reason, extended_told=day)
        )

    def refuse(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, closed: bool, revision: int
    ) -> DisclosureRequest:
        state = RequestState.CLOSED if closed else RequestState.REFUSED
        return self._saved("refuse", session, id, revision, lambda r: replace(r, why_not=reason, state=state))

    def gather(self, session: ClinicalSession, id: DisclosureId) -> None:
        request = self._get(session, id)
        self.items[id] = self.fresh()
        self.requests[id] = replace(request, gathered=VaultId("v"), gathered_at=self.clock.now())

    def accept_unread(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, revision: int
    ) -> DisclosureRequest:
        if not reason.strip():
            raise Incomplete("No reason.", fields={"reason": "Say why."})
        return self._saved("unread", session, id, revision, lambda r: replace(r, accepted_unread=reason))

    def reveal(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, reason: str) -> None:
        self._item(session, id, key)
        self.revealed.add((session.launch_id, key))
        self.done.append(("reveal", (key, reason)))

    def decide(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        keys: Sequence[ItemKey],
        decided: Decided | None,
        reason: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        if decided is not None and not reason.strip():
            raise Incomplete("No reason.", fields={"reason": "Say why."})
        hand = Reason("by-hand", "A person has decided about this one.", "")
        verdicts: dict[Decided, Verdict] = {
            Decided.RELEASE: Release(hand),
            Decided.REDACT: Redact(hand),
            Decided.WITHHOLD: Withhold(hand),
        }
        by = Override(
            decided or Decided.RELEASE, reason, session.user.reference, session.user.display, self.clock.now()
        )

        def changed(item: DeskItem) -> DeskItem:
            if decided is None:
                asks = item.proposed.by if isinstance(item.proposed, Review) else None
                return replace(item, decided=item.proposed, override=None, asks=asks)
            return replace(item, decided=verdicts[decided], override=by, asks=None)

        return self._on("decide", session, id, keys, revision, changed)

    def read(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, *, revision: int) -> DisclosureRequest:
        return self._on("read", session, id, [key], revision, lambda i: replace(i, decided=i.proposed, asks=None))

    def opine(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, opinion: Opinion, words: str, *, revision: int
    ) -> DisclosureRequest:
        said = HarmOpinion(opinion, words, session.user.reference, session.user.display, self.clock.now())
        return self._on("opine", session, id, [key], revision, lambda i: replace(i, opinion=said, asks=None))

    def ask_opinion(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, words: str, *, revision: int
    ) -> DisclosureRequest:
        if not words.strip():
            raise Incomplete("No question.", fields={"words": "Say what makes you ask."})
        asked = Reviewer.HEALTH_PROFESSIONAL
        made = self._on("ask", session, id, [key], revision, lambda i: replace(i, asks=asked))
        self.requests[id] = replace(made, opinions_asked={**made.opinions_asked, key: words})
        return self.requests[id]

    def black_out(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, geometry: Geometry, *, revision: int
    ) -> DisclosureRequest:
        self.done.append(("geometry", geometry))
        return self._on(
            "black_out", session, id, [key], revision, lambda i: replace(i, blacked_out=bool(geometry.black_out))
        )

    def sign(
        self, session: ClinicalSession, id: DisclosureId, name: str, *, about: str, revision: int
    ) -> DisclosureRequest:
        if about != f"digest-{self._get(session, id).revision}":
            raise AnswersChanged("Not what was shown.")
        signed = Signature(session.user.reference, name, self.clock.now(), about)

        def put(request: DisclosureRequest) -> DisclosureRequest:
            if self.why_second and request.first is None:
                return replace(request, first=signed, state=RequestState.WAITS_FOR_SECOND)
            counts = {"release": 15, "redact": 4, "withhold": 1}
            images = tuple(Reference(item.key) for item in self.items[id] if item.is_image)
            made = MadePackage(VaultId("z"), Sha256("ab" * 32), 22, counts, images, self.clock.now())
            sent = replace(request, state=RequestState.SENT, package=made)
            return replace(sent, first=signed) if request.first is None else replace(sent, second=signed)

        return self._saved("sign", session, id, revision, put)

    # ------------------------------------------------------------------------------------------ inside

    def _stumble(self, method: str) -> None:
        if error := self.trouble.pop(method, None):
            raise error

    def _get(self, session: ClinicalSession, id: DisclosureId) -> DisclosureRequest:
        found = self.requests.get(id)
        if found is None or found.patient != PatientId(session.patient_id):
            raise NotFound("no such request", status=404)
        return found

    def _item(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> DeskItem:
        self._get(session, id)
        return next(item for item in self.items[id] if item.key == key)

    def _as_seen(self, session: ClinicalSession, request: DisclosureRequest, item: DeskItem) -> DeskItem:
        return replace(item, revealed=(session.launch_id, item.key) in self.revealed)

    def _saved(
        self,
        method: str,
        session: ClinicalSession,
        id: DisclosureId,
        revision: int,
        change: Callable[[DisclosureRequest], DisclosureRequest],
    ) -> DisclosureRequest:
        self._stumble(method)
        request = self._get(session, id)
        if revision != request.revision:
            raise AnswersChanged("Somebody has changed this request since.")
        self.requests[id] = replace(change(request), revision=request.revision + 1)
        self.done.append((method, id))
        return self.requests[id]

    def _on(
        self,
        method: str,
        session: ClinicalSession,
        id: DisclosureId,
        keys: Sequence[ItemKey],
        revision: int,
        change: Callable[[DeskItem], DeskItem],
    ) -> DisclosureRequest:
        made = self._saved(method, session, id, revision, lambda request: request)
        self.items[id] = [change(item) if item.key in keys else item for item in self.items[id]]
        return made
