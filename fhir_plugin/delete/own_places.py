"""The places of our own that a proof looks at: the vault, our registers, and every file that we may have written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from fhir_plugin.delete.hidden_kept import owners_of_copy
from fhir_plugin.delete.looking import Sought
from fhir_plugin.delete.needles import Needles, is_needles
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotFound, Unavailable
from fhir_plugin.ports import kept_under
from mappings.model.deletion import DeletionCase, DeletionItem
from mappings.model.identifiers import VaultId

Look = Callable[[], Iterator[str]]


def own_places(
    parts: DeleteParts, case: DeletionCase, item: DeletionItem, needles: Needles | None, sought: Sought
) -> Mapping[str, Look]:
    """Each place with how it is looked at. The companion store is part of the record's places; its rows are sealed,
    so that among files it is looked at for what was never sealed."""
    looks: dict[str, Look] = {
        "vault": lambda: _vault(parts, case, item, needles, sought),
        "registers": lambda: _registers(parts, case, item),
    }
    for place in parts.traces.places():
        looks[f"traces-{place}"] = partial(_traces, parts, place, needles)
    return looks


def _vault(
    parts: DeleteParts, case: DeletionCase, item: DeletionItem, needles: Needles | None, sought: Sought
) -> Iterator[str]:
    """What is kept under the image's name, what was written down as destroyed and can still be opened, the Guardian's
    copy, and whatever is exactly as large as the image or something made of it: opened and compared."""
    owners = {kept_under(case.fhir_base, each) for each in (item.image.reference, *item.image.binaries)}
    for copy in parts.copies.of_image(case.fhir_base, item.image.reference):
        if copy.document is not None:
            owners.update(owners_of_copy(case.fhir_base, copy.document))
    sizes = needles.sizes if needles is not None else frozenset()
    for each in parts.vault.items():
        as_large = each.size in sizes and not is_needles(each)
        if each.owner in owners or (as_large and _is_it(parts, each.vault_id, sought)):
            yield f"{each.compartment.value} {each.vault_id}"
    for logged in parts.destroyed.entries():
        if logged.item == item.id:
            for vault_id in logged.vault_items:
                if _can_be_opened(parts, vault_id):
                    yield f"{vault_id}"
    if item.picture is not None and _can_be_opened(parts, item.picture):
        yield f"case {item.picture}"


def _registers(parts: DeleteParts, case: DeletionCase, item: DeletionItem) -> Iterator[str]:
    """What we filed and what is hidden: neither may name the image any more."""
    with contextlib.suppress(NotFound):
        parts.kept.get(case.fhir_base, item.image.reference)
        yield "kept"
    if item.image.reference in parts.hidden.references(case.fhir_base, case.patient):
        yield "hidden"


def _traces(parts: DeleteParts, place: str, needles: Needles | None) -> Iterator[str]:
    if needles is None or not needles.pieces:
        raise Unavailable("nobody knows any more what to look for", code="no-needles")
    yield from parts.traces.find(place, needles.pieces)


def _is_it(parts: DeleteParts, vault_id: VaultId, sought: Sought) -> bool:
    try:
        return sought.in_bytes(parts.vault.get(vault_id))
    except NotFound:  # destroyed meanwhile
        return False


def _can_be_opened(parts: DeleteParts, vault_id: VaultId) -> bool:
    """Damaged is not destroyed: `Tampered` goes on to whoever asks."""
    try:
        parts.vault.get(vault_id)
    except NotFound:
        return False
    return True
