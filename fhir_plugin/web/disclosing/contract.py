"""What the desk's pages ask of disclosure, and nothing more (`fhir_plugin.disclose.desk` answers)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from fhir_plugin.disclose.desk.values import Accounted as Accounted
from fhir_plugin.disclose.desk.values import Facts as Facts
from fhir_plugin.disclose.desk.values import ItemWords as ItemWords
from fhir_plugin.disclose.send import Earlier as Earlier
from mappings.model.disclosure import Mode, Opinion, Requester, RequesterRow
from mappings.model.disclosure_request import Decided, DeskView, DisclosureId, DisclosureRequest, ItemKey
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession


class Desk(Protocol):
    """Every method raises errors of `fhir_plugin.errors`. `revision`: that of the page; `AnswersChanged` if older."""

    def rows(self) -> Sequence[RequesterRow]: ...
    def allowed_modes(self, requester: Requester) -> Sequence[Mode]: ...
    def of_patient(self, session: ClinicalSession) -> Sequence[DisclosureRequest]: ...
    def of_practice(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        """Open ones of every patient at this EHR, what is due first comes first; names only, no content."""

    def due(self, request: DisclosureRequest) -> tuple[dt.date | None, int | None]:
        """The last day to answer and how many days are left (negative: late)."""

    def begin(self, session: ClinicalSession, facts: Facts, *, once: str = "") -> DisclosureRequest:
        """`once`: a key of the page. The same facts sent twice with it are one request; without it each is its own."""

    def change(
        self, session: ClinicalSession, id: DisclosureId, facts: Facts, *, revision: int
    ) -> DisclosureRequest: ...
    def extend(
        self, session: ClinicalSession, id: DisclosureId, reason: str, told: str, *, revision: int
    ) -> DisclosureRequest:
        """`told`: the day on which whoever asked was told so, as 2026-11-23."""

    def refuse(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, closed: bool, revision: int
    ) -> DisclosureRequest: ...
    def gather(self, session: ClinicalSession, id: DisclosureId) -> None:
        """Reads the patient's record from the EHR, in the background; `view` tells how far it is."""

    def view(self, session: ClinicalSession, id: DisclosureId) -> DeskView: ...
    def words(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> ItemWords: ...
    def reveal(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, reason: str) -> None: ...
    def picture(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[bytes, str]:
        """Its clean pixels, after `reveal` only; with its black-outs where it has some."""

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
        """An override, one or a set; None goes back to what policy proposes."""

    def read(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, *, revision: int) -> DisclosureRequest:
        """A person has read this item's words: they may go out."""

    def opine(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        key: ItemKey,
        opinion: Opinion,
        words: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        """A health professional's word on serious harm; clinicians only."""

    def accept_unread(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, revision: int
    ) -> DisclosureRequest:
        """What could not be read of the record (`DisclosureRequest.not_read`) is not waited for, and why."""

    def ask_opinion(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, words: str, *, revision: int
    ) -> DisclosureRequest:
        """Asks a health professional about serious harm: from then on the item `asks` for one, on the practice's list.

        Clinicians get to see such items alone, in `view`; officers all but hidden ones, privacy officers hidden ones.
        """

    def upright(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, quarter_turns: int) -> bytes:
        """The whole picture as JPEG, turned clockwise, without black-outs: what the editor draws on. After `reveal`."""

    def black_out(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, geometry: Geometry, *, revision: int
    ) -> DisclosureRequest:
        """Replaces what was blacked out before; an empty geometry takes it off."""

    def sign(
        self, session: ClinicalSession, id: DisclosureId, name: str, *, about: str, revision: int
    ) -> DisclosureRequest:
        """With one's own name. The first signature, or the second by another person; then the package is made in the
        background (`RequestState.MAKING`) and is `SENT` once it was proven and written down."""

    def preview(self, session: ClinicalSession, id: DisclosureId) -> str:
        """The readable record as the recipient gets it, with a grey tile for each picture: one whole HTML page."""

    def open_preview(self, session: ClinicalSession, id: DisclosureId, reason: str) -> None:
        """Logged: from now on, until something is decided anew, this launch sees it with its pictures."""

    def preview_is_open(self, session: ClinicalSession, id: DisclosureId) -> bool: ...
    def as_sent(self, session: ClinicalSession, id: DisclosureId, name: str) -> Iterator[bytes]:
        """`record.html` or `cover.html`, byte for byte as in the package; after `open_preview` only."""

    def package(self, session: ClinicalSession, id: DisclosureId) -> tuple[str, Iterator[bytes]]:
        """A file name without anybody's name, and the ZIP."""

    def unreadable(self, session: ClinicalSession) -> int:
        """How many requests of this patient are in no list, since they cannot be read."""

    def accounting(self, session: ClinicalSession) -> Sequence[Accounted]: ...
    def accounting_sheet(self, session: ClinicalSession, also: Collection[str]) -> Iterator[bytes]:
        """As a PDF for the patient. Of lines that `look_first`, those whose token is in `also`."""

    def sent_to(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> Sequence[Earlier]:
        """To whom the picture of this item went before."""
