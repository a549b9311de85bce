"""A row that cannot be read stops no other patient's, no job after it, and nobody's way in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.tables import drafts, kept_images, second_opinions
from fhir_plugin.app import install
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.installation import Installation
from fhir_plugin.keep.ground import ground_of
from fhir_plugin.keep.opinion import OpinionState
from fhir_plugin.keep.view import GalleryItem
from fhir_plugin.launching import launching
from fhir_plugin.ports import Compartment
from fhir_plugin.settings import Settings
from mappings.model.consent import ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, OpinionId, PatientId, Reference
from mappings.model.kept import KeptImage, OwnConsent
from smart_launch import IssuerRegistry
from tests.contracts.test_second_opinions import FULL
from tests.keep.consulting import recorded
from tests.keep.test_withdraw import AMY, CONSENT
from tests.work.test_practice import GP, HERE, NURSE, at


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = install(Settings(state=tmp_path), registry=IssuerRegistry([]), client_keys={})
    yield made
    made.close()


def keep(installation: Installation, name: str, patient: str = "amy") -> KeptImage:
    """One whose review at sixteen is due."""
    now = installation.clock.now()
    born = now.date() - dt.timedelta(days=17 * 366)
    image = KeptImage(HERE, Reference(f"Media/{name}"), PatientId(patient), CaptureId(name), now, birth_date=born)
    image = replace(image, review_at_16=now.date())
    installation.parts.kept.keep(image)
    return image


def item_of(reference: Reference) -> GalleryItem:
    return GalleryItem(recorded(reference), sensitive=False, revealed=True, reason_category="")


def damage(installation: Installation, table: sa.Table, where: sa.ColumnElement[bool]) -> None:
    with installation.database.writing() as connection:
        assert connection.execute(table.update().where(where).values(sealed=b"not what was sealed")).rowcount == 1


def test_a_damaged_picture_stops_no_review_no_later_job_and_no_launch(installation: Installation) -> None:
    damaged, whole = keep(installation, "a"), keep(installation, "b", "sam")
    damage(installation, kept_images, kept_images.c.reference == damaged.reference)
    with capture_logs() as logged:
        installation.resume()
        launching(installation).after_launch(at(GP), False)
    assert installation.parts.kept.get(HERE, whole.reference).own_consent is OwnConsent.DUE
    with pytest.raises(Tampered):
        installation.parts.kept.get(HERE, damaged.reference)
    told = {(each["part"], each["code"], each["kind"]) for each in logged if each["event"] == "part-not-done"}
    assert told == {
        ("kept-image", "sealed-damaged", "Tampered"),
        ("moving", "session-ended", "SignInNeeded"),  # nobody is signed in here, so nothing can go over
    }


def test_a_damaged_opinion_stops_no_other_and_its_copy_goes_when_its_time_is_over(installation: Installation) -> None:
    now = installation.clock.now()
    opinions = DatabaseSecondOpinions(installation.database, installation.masters)
    image = keep(installation, "a")
    hour = dt.timedelta(hours=1)
    for name, expires in (("over", now - hour), ("damaged", now - 2 * hour), ("young", now + hour)):
        id = OpinionId(name)
        copy = installation.vault.put(b"pixels", compartment=Compartment.OPINION, owner=id)
        opinions.add(
            replace(
                FULL,
                id=id,
                fhir_base=HERE,
                patient=image.patient,
                image=image.reference,
                state=OpinionState.ASKED,
                expires=expires,
                copy=copy,
            )
        )
    for name in ("damaged", "young"):
        damage(installation, second_opinions, second_opinions.c.id == name)
    for _ in range(2):
        installation.resume()
    assert opinions.get(OpinionId("over")).state is OpinionState.EXPIRED
    assert [each.owner for each in installation.vault.items(compartment=Compartment.OPINION)] == ["young"]
    (entry,) = installation.audit.entries(action="opinion.copy-destroyed")
    assert (entry.entry.subject, entry.entry.outcome) == ("damaged", "failure")


def test_a_damaged_row_hides_no_other_and_opens_nothing_and_is_counted(installation: Installation) -> None:
    damaged, whole = keep(installation, "a"), keep(installation, "b")
    damage(installation, kept_images, kept_images.c.reference == damaged.reference)
    register = installation.parts.kept
    with installation.database.transaction():
        held = register.of_patient(HERE, whole.patient, for_change=True)
    assert [each.reference for each in held] == [whole.reference]
    assert installation.reviews.unreadable(at(GP)) == 1
    assert installation.reviews.unreadable(at(GP, "sam")) == 0
    opinions = DatabaseSecondOpinions(installation.database, installation.masters)
    for name in ("damaged", "whole"):
        opinions.add(replace(FULL, id=OpinionId(name), fhir_base=HERE, patient=whole.patient, image=whole.reference))
    damage(installation, second_opinions, second_opinions.c.id == "damaged")
    assert [each.id for each in opinions.of_patient(HERE, whole.patient)] == ["whole"]
    assert installation.consultations.unreadable(at(GP)) == 1
    assert installation.consultations.live_on(at(GP), Reference("Consent/any")), "as far as anybody can tell"
    with pytest.raises(Tampered):
        installation.consultations.asked_of_me(at(NURSE), OpinionId("damaged"))
    with pytest.raises(Refused) as withheld:
        ground_of(installation.parts, opinions, at(GP), AMY, item_of(damaged.reference))
    assert withheld.value.code == "kept-image-unreadable"


def test_an_opinion_about_a_damaged_picture_stops_no_page_and_stays_shut(installation: Installation) -> None:
    """It is there for who asked; the colleague gets nothing, since what was said about the picture is not known."""
    opinions = DatabaseSecondOpinions(installation.database, installation.masters)
    damaged = keep(installation, "a")
    live = replace(
        FULL,
        id=OpinionId("o"),
        fhir_base=HERE,
        patient=damaged.patient,
        image=damaged.reference,
        recipient=at(NURSE).user.reference,
        state=OpinionState.ACCEPTED,
        expires=installation.clock.now() + dt.timedelta(hours=1),
    )
    opinions.add(live)
    damage(installation, kept_images, kept_images.c.reference == damaged.reference)
    assert installation.consultations.of_image(at(GP), damaged.reference) == [live]
    for closed in (installation.consultations.asked_of_me, installation.consultations.open):
        with pytest.raises(Tampered):
            closed(at(NURSE), live.id)


def test_a_damaged_capture_stops_no_others_video(installation: Installation) -> None:
    """Nobody else's video stays in the making for ever because of it."""
    damaged, whole = (installation.captures.begin(at(GP)) for _ in range(2))
    damage(installation, drafts, drafts.c.capture_id == damaged)
    assert [each.capture_id for each in installation.parts.drafts.unfinished()] == [whole]


def test_who_takes_back_is_told_what_could_not_be_shut(installation: Installation) -> None:
    damaged, whole = keep(installation, "a"), keep(installation, "b")
    register = installation.parts.kept
    register.keep(replace(whole, consent=CONSENT))
    damage(installation, kept_images, kept_images.c.reference == damaged.reference)
    installation.withdrawals.withdraw(at(GP), AMY, whole.reference, (ConsentScope.TEACHING,), Grantor.PATIENT)
    assert ConsentScope.TEACHING in register.get(HERE, whole.reference).withdrawn
    (item,) = installation.worklist.of_patient(HERE, whole.patient)
    assert "cannot read what it noted about them: 1 of this patient’s pictures" in item.words


def test_a_part_that_fails_stops_none_after_it(installation: Installation) -> None:
    whole = keep(installation, "a")
    heads: list[int] = []

    def fails() -> int:
        raise ValueError("canary: what it read")

    installation.engine.run_due = fails  # type: ignore[method-assign,assignment]  # as a damaged ledger would
    installation.consultations.tidy = fails  # type: ignore[method-assign]  # as a damaged table would
    installation.pending.purge = lambda: heads.append(1) or 1  # type: ignore[method-assign,func-returns-value]  # counted
    with capture_logs() as logged:
        assert installation.resume() == []
    assert heads == [1]
    assert installation.parts.kept.get(HERE, whole.reference).own_consent is OwnConsent.DUE
    assert "canary" not in repr(logged)
    assert {each["part"] for each in logged if each["event"] == "part-not-done"} == {"intents", "opinions"}
