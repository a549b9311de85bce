"""The very end of the journey: somebody asks for an image to be destroyed and may not approve that themselves; another
person approves; it is carried out and looked for everywhere.

On a server that keeps versions this ends as not proven, and says why: that is an outcome, not a failure.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from typing import Any, Final

from fhir_plugin.delete.places import place_words, unasked_words
from fhir_plugin.delete.request import Asked
from fhir_plugin.demo import Demo
from fhir_plugin.errors import NotAllowed, PluginError
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionReason, DeletionState, ItemId, Principle
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Role

Json = dict[str, Any]

ASKS: Final = "gp"
DECIDES: Final = "caldicott-guardian"
PATIENCE: Final = 180
"""Seconds for what is done in the background."""
_ENDED: Final = frozenset({DeletionState.COMPLETED, DeletionState.FAILED})
_UNDER_WAY: Final = frozenset({DeletionState.ACCEPTED, DeletionState.IN_PROGRESS})


def unlike_any_other() -> bytes:
    """A picture of nothing, drawn by chance: what is looked for afterwards stands in no other file on this machine."""
    from PIL import Image

    width, height = 40, 30
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).resize((800, 600)).save(file, "JPEG")
    return file.getvalue()


def destroyed(
    demo: Demo, at_the_chart: Callable[[str], ClinicalSession], image: str, timed: Callable[[str], Any]
) -> Json:
    """What the command prints about the permanent deletion of `image` (`Type/id`). `at_the_chart`: a launch of the
    patient's chart by that user of the sandbox.

    Raises `PluginError` where somebody approves what they asked for, or it ends in neither of its two ways.
    """
    with timed("delete_ask"):
        _also_a_guardian(demo, at_the_chart(ASKS))
        asker = at_the_chart(ASKS)
        case = _asked(demo, asker, Reference(image))
    own = _refused_oneself(demo, asker, case)
    with timed("delete_approve"):
        guardian = at_the_chart(DECIDES)
        _approved(demo, guardian, case)
    with timed("delete_carry_out"):
        item = _carried_out(demo, guardian, case)
    return {"deletion_image": image, "deletion_self_approval": own, **said_of(item)}


def said_of(item: DeletionItem) -> Json:
    """How it ended, as the command prints it: `proven`, or `not-proven` with what remains where and who must act."""
    proof = item.proof
    places = () if proof is None else proof.places
    return {
        "deletion_task": item.task,
        "deletion_state": "proven" if item.state is DeletionState.COMPLETED else "not-proven",
        "deletion_proof": {
            "places": [each.place for each in places],
            "found": {each.place: list(each.found) for each in places if each.found},
            "unasked": {each.place: each.unasked for each in places if each.unasked},
        },
        "deletion_why": _why(item),
        "certificate": item.certificate,
    }


def _why(item: DeletionItem) -> list[str]:
    """Nothing where it is proven; else, in plain words, what remains, what nobody could look at, and who must act."""
    if item.state is DeletionState.COMPLETED:
        return []
    if item.proof is None:
        return [f"It stopped before anything could be proven: {item.why}."]
    left = [each for each in item.proof.places if not each.clean]
    words = [f"{place_words(each.place)}: found {', '.join(each.found)}." for each in left if each.found]
    words += [f"{place_words(each.place)}: {unasked_words(each.unasked)}." for each in left if each.unasked]
    return [*words, *item.proof.ask]


def _also_a_guardian(demo: Demo, gp: ClinicalSession) -> None:
    """A GP who is the Guardian too, as in a small practice: the next launch has both roles."""
    installation = demo.installation
    issuer = installation.registry.named(installation.sessions.get(gp.launch_id).issuer)
    installation.appointments.appoint(
        issuer,
        gp.user.reference,
        Role.CALDICOTT_GUARDIAN,
        name=gp.user.display,
        by="The practice's partners",
        reason="Deputy of the Guardian in this walkthrough",
    )


def _asked(demo: Demo, asker: ClinicalSession, image: Reference) -> DeletionCase:
    deletion = demo.installation.deletion
    resource = demo.installation.records.record_of(asker.launch_id).read(*image.split("/"))
    asked = Asked(
        images={image: str(resource.get("meta", {}).get("versionId", ""))},
        reason=DeletionReason.ERASURE_REQUEST,
        words="The patient does not want this photograph kept any longer.",
        described="Described in words in the consultation of the same day.",
        gmc_looked_at=True,
        instead="The patient asked for erasure: hiding it would keep it.",
        asked_by_patient=demo.installation.clock.now().date(),
    )
    return deletion.requests.ask(asker, deletion.parts.patient(asker), asked, once="")


def _refused_oneself(demo: Demo, asker: ClinicalSession, case: DeletionCase) -> str:
    """The code with which somebody is refused who approves their own request. Raises `PluginError` if they are not."""
    try:
        _approve(demo, asker, case)
    except NotAllowed as refused:
        return refused.code
    raise PluginError("Somebody approved what they had asked for themselves.", code="approved-oneself")


def _approved(demo: Demo, guardian: ClinicalSession, case: DeletionCase) -> None:
    opened = demo.installation.deletion.decisions.opened(guardian, case.id)
    decided = _approve(demo, guardian, opened)
    state = decided.items[0].state
    if state not in _UNDER_WAY | _ENDED:
        raise PluginError(f"The approval ended as {state}.", code="not-approved")


def _approve(demo: Demo, by: ClinicalSession, case: DeletionCase) -> DeletionCase:
    return demo.installation.deletion.decisions.approve(
        by,
        case.id,
        case.items[0].id,
        frozenset(Principle),
        "The patient asked for erasure; a description stays in the record.",
        revision=case.revision,
    )


def _carried_out(demo: Demo, guardian: ClinicalSession, case: DeletionCase) -> DeletionItem:
    """It begins by itself where the Guardian approves at the patient's own chart; otherwise it is carried out."""
    installation, id = demo.installation, case.items[0].id
    until = time.monotonic() + PATIENCE
    item = _settled(demo, guardian, case, id)
    if item.state is DeletionState.ACCEPTED:
        now = installation.deletion.requests.get(guardian, case.id)
        installation.deletion.requests.carry_out(guardian, case.id, id, revision=now.revision)
        item = _settled(demo, guardian, case, id)
    while item.state in _UNDER_WAY and time.monotonic() < until:
        time.sleep(0.2)
        item = _settled(demo, guardian, case, id)
    if item.state not in _ENDED:
        raise PluginError(f"The deletion ended as {item.state}: {item.why}", code="not-carried-out")
    return _settled(demo, guardian, case, id)  # the record is told how it ended


def _settled(demo: Demo, session: ClinicalSession, case: DeletionCase, id: ItemId) -> DeletionItem:
    demo.installation.resume()
    demo.installation.parts.background.settle(PATIENCE)
    return demo.installation.deletion.requests.get(session, case.id).item(id)
