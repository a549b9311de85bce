"""A room where colleagues are asked for an opinion: the asker, the colleague, the wall between them, one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_plugin.keep.asking import CHECKS, Asking
from fhir_plugin.keep.consult import Consultations
from fhir_plugin.keep.opinion import OpinionState, SecondOpinion
from fhir_plugin.keep.view import GalleryItem
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import OpinionId, Reference
from mappings.model.images import Geometry, Region
from mappings.model.people import ClinicalSession
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.worker import picture
from tests.keep.test_withdraw import AMY, ONE, TWO, furnished
from tests.work.test_practice import CLINICIANS, GP, HERE, NURSE, at

SCOPE = ConsentScope.SECOND_OPINION


ASKING = Asking(
    to=NURSE,
    purpose="diagnosis",
    reason="canary: is this eczema?",
    checked=frozenset(CHECKS),
    geometry=Geometry(crop=Region(0.1, 0.1, 0.9, 0.9)),
    consent=ConsentAnswer.GIVEN,
    right=Grantor.PATIENT,
)


def recorded(reference: Reference) -> RecordedImage:
    return RecordedImage(
        reference=reference,
        version="3",
        status="completed",
        labels=(),
        taken=None,
        recorded=None,
        site="",
        content_type="image/jpeg",
        content_url="Binary/b",
        inline=False,
        ours=True,
    )


class Wall:
    """Two pictures of Amy."""

    def images(self, session: ClinicalSession) -> Sequence[GalleryItem]:
        if (session.patient_id, session.fhir_base) != ("amy", HERE):
            return []
        return [
            GalleryItem(
                recorded(reference),
                sensitive=False,
                revealed=True,
                reason_category="",
            )
            for reference in (ONE, TWO)
        ]

    def picture(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        return picture(f"filed {reference}"), "image/jpeg"


class Room:
    """A practice whose nurse is at another patient's chart."""

    def __init__(self, bench: PracticeBench | None = None) -> None:
        self.bench = bench or furnished()
        for user in CLINICIANS:
            self.bench.practice.seen(at(user))
        self.consult: Consultations = self.bench.consultations(Wall())
        self.gp, self.nurse = at(GP), at(NURSE, "somebody-else")

    def ask(self, **changed: object) -> SecondOpinion:
        made = self.consult.ask(self.gp, AMY, ONE, replace(ASKING, **changed))  # type: ignore[arg-type]
        assert made is not None
        return made

    def state(self, id: OpinionId) -> OpinionState:
        return self.bench.opinions.get(id).state
