"""Every way in which vault, database and record may not agree, planted in an installation where they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.disagreement import Kind
from fhir_plugin.ledger.intents import Intent, IntentState
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.deletion import (
    CaseId,
    Certificate,
    CertificateNumber,
    ItemId,
)
from mappings.model.identifiers import IntentId, LaunchId, PatientId, Reference, VaultId
from mappings.model.writeback import CopyState
from mappings.r4.tombstone import to_tombstone
from tests.delete.agreeing import BASE, BY, S, World, media

Planted = tuple[Kind, str]


def plant_one(world: World, kind: Kind) -> Planted:
    """One disagreement of this kind, and by what it is told."""
    return kind, str(_PLANTS[kind](world))


def _orphan(world: World) -> str:
    number, _ = world.next()
    compartments = [Compartment.CLEAN, Compartment.AUDIT_COPY, Compartment.OPINION, Compartment.THUMBNAIL]
    return world.put(compartments[number % len(compartments)], f"nobody-{number}")


def _keyless(world: World) -> str:
    number, _ = world.next()
    world.keyless.add(f"{number:032x}")
    return f"{number:032x}"


def _empty(world: World) -> str:
    number, _ = world.next()
    world.empty.add(VaultId(f"{number:032x}"))
    return f"{number:032x}"


def _unreadable(world: World) -> str:
    """However many there are, it is said once of an EHR."""
    world.unreadable += 1
    return BASE


def _without_bytes(world: World) -> str:
    reference = world.image()
    image = world.hidden(reference)
    assert image.content is not None
    world.parts.vault.destroy(image.content)
    return reference


def _without_plan(world: World) -> str:
    number, _ = world.next()
    # Of somebody whose record nobody looks at: what is under way there is left alone.
    intent = Intent(
        id=IntentId(f"intent-{number}"),
        kind="filing",
        subject=f"capture-{number}",
        fhir_base=BASE,
        patient=PatientId("somebody-else"),
        user=BY,
        launch=LaunchId("launch-x"),
        created=world.clock.now(),
        state=IntentState.UNRESOLVED,
        plan=VaultId("f" * 32),
    )
    world.parts.ledger.add(intent)
    return intent.id


def _picture_of_ended(world: World) -> str:
    return world.put(Compartment.CASE, world.case(S.REJECTED).id)


def _destroyed_in_vault(world: World) -> str:
    number, _ = world.next()
    world.owners.add(f"capture-{number}")
    left = world.put(Compartment.CLEAN, f"capture-{number}")
    world.destroyed(vault_items=[left])
    return left


def _destroyed_in_register(world: World) -> str:
    item = world.destroyed()
    world.keep(item.image.reference, world.everybody[world.count % len(world.everybody)])
    return item.image.reference


def _destroyed_without_case(world: World) -> str:
    number, _ = world.next()
    world.log(f"lost-{number}", Reference(f"Media/lost-{number}"))
    return f"lost-{number}"


def _certificate_without_case(world: World) -> str:
    number, patient = world.next()
    name = CertificateNumber(f"forged {number}")
    world.parts.cases.certify(
        Certificate(name, BASE, patient, CaseId("none"), ItemId(f"none-{number}"), world.clock.now(), {}, "jws")
    )
    return name


def _stuck(world: World) -> str:
    reference = world.image()
    world.hidden(reference, pending=f"ended-{reference}")
    return reference


def _kept_without_resource(world: World) -> str:
    number, patient = world.next()
    world.keep(Reference(f"Media/never-{number}"), patient)
    return f"Media/never-{number}"


def _kept_of_another(world: World) -> str:
    return world.image(subject={"reference": "Patient/somebody-else"})


def _bytes_gone(world: World) -> str:
    return world.image(binary=False)


def _hidden_shows(world: World) -> str:
    reference = world.image()
    world.hidden(reference, stub=False)
    return reference


def _stub_without_hidden(world: World) -> str:
    reference = world.image()
    world.hidden(reference, row=False)
    return reference


def _destroyed_shows(world: World) -> str:
    item = world.destroyed()
    number = int(item.image.reference.removeprefix("Media/m"))
    world.record.put(media(number, world.everybody[number % len(world.everybody)]))
    return item.image.reference


def _tombstone(world: World) -> str:
    reference = world.image(kept=False)
    world.record.put(to_tombstone(world.record.read(*reference.split("/"))))
    return reference


def _thumbnail(world: World) -> str:
    """The resource is gone, too: that is the other half of it."""
    reference = world.image()
    left = world.put(Compartment.THUMBNAIL, kept_under(BASE, reference))
    world.record.delete(*reference.split("/"))
    return left


def _task_edited(world: World) -> str:
    item = world.case(S.ACCEPTED)
    assert item.task is not None
    task = world.record.read(*item.task.split("/"))
    world.record.put({**task, "status": "cancelled"})
    return item.id


def _task_gone(world: World) -> str:
    item = world.case(S.ACCEPTED)
    assert item.task is not None
    world.record.delete(*item.task.split("/"))
    return item.id


def _task_not_told(world: World) -> str:
    """Either it never was, or it has gone on since."""
    number, _ = world.next()
    if number % 2:
        return world.case(S.ACCEPTED, told=False).id
    item = world.case(S.ACCEPTED)
    case = world.parts.cases.get(CaseId(f"case-{world.count}"))
    after = replace(case, items=(replace(item, state=S.CANCELLED, approval=None),), revision=case.revision + 1)
    world.parts.cases.save(after)
    return item.id


def _task_without_case(world: World) -> str:
    item = world.case()
    assert item.task is not None
    task = world.record.read(*item.task.split("/"))
    group = {**task["groupIdentifier"], "value": "another installation's"}
    forged = {**task, "id": f"forged-{world.count}", "groupIdentifier": group, "identifier": []}
    world.record.put(forged)
    return f"Task/forged-{world.count}"


def _copy_gone(world: World) -> str:
    return world.copied(world.image(), there=False)


def _copy_shows(world: World) -> str:
    if world.count % 2:
        return world.copied(world.image(), CopyState.GONE)
    return world.copied(world.destroyed().image.reference)


def _copy_without_register(world: World) -> str:
    return world.copied(world.image(), known=False)


_PLANTS: Final[dict[Kind, Callable[[World], str]]] = {
    Kind.VAULT_WITHOUT_OWNER: _orphan,
    Kind.BYTES_WITHOUT_KEY: _keyless,
    Kind.KEY_WITHOUT_BYTES: _empty,
    Kind.CASES_UNREADABLE: _unreadable,
    Kind.HIDDEN_WITHOUT_BYTES: _without_bytes,
    Kind.ORDER_WITHOUT_PLAN: _without_plan,
    Kind.PICTURE_OF_ENDED: _picture_of_ended,
    Kind.DESTROYED_IN_VAULT: _destroyed_in_vault,
    Kind.DESTROYED_IN_REGISTER: _destroyed_in_register,
    Kind.DESTROYED_WITHOUT_CASE: _destroyed_without_case,
    Kind.DESTROYED_WITHOUT_LOG: lambda world: world.destroyed(log=False).id,
    Kind.DESTROYED_WITHOUT_CERTIFICATE: lambda world: world.destroyed(certificate=False).id,
    Kind.CERTIFICATE_WITHOUT_CASE: _certificate_without_case,
    Kind.HIDING_STUCK: _stuck,
    Kind.KEPT_WITHOUT_RESOURCE: _kept_without_resource,
    Kind.KEPT_OF_ANOTHER: _kept_of_another,
    Kind.RESOURCE_WITHOUT_REGISTER: lambda world: world.image(kept=False),
    Kind.BYTES_GONE: _bytes_gone,
    Kind.HIDDEN_SHOWS: _hidden_shows,
    Kind.STUB_WITHOUT_HIDDEN: _stub_without_hidden,
    Kind.DESTROYED_SHOWS: _destroyed_shows,
    Kind.TOMBSTONE_WITHOUT_DESTRUCTION: _tombstone,
    Kind.THUMBNAIL_WITHOUT_IMAGE: _thumbnail,
    Kind.TASK_EDITED: _task_edited,
    Kind.TASK_GONE: _task_gone,
    Kind.TASK_NOT_TOLD: _task_not_told,
    Kind.TASK_WITHOUT_CASE: _task_without_case,
    Kind.COPY_GONE: _copy_gone,
    Kind.COPY_SHOWS: _copy_shows,
    Kind.COPY_WITHOUT_REGISTER: _copy_without_register,
}
