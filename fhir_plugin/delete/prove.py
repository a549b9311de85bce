"""Whether an image is gone: every place is looked at, each with its time, and only what was looked at is clean.

Nothing that a server says of its own deeds counts, only what it still shows. A place that could not be asked is never
clean; one that answers with a page, an error in disguise or pages without end was not asked. Our own tombstone,
recognised exactly, is not a find. Being told nothing proves little where something must be told: the same record has
to show the patient, under the same launch, by reading and by searching. What each place means in words: `places`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhir_plugin.delete.copies import CopyPlaces, kept_beside
from fhir_plugin.delete.looking import Sought
from fhir_plugin.delete.needles import Needles
from fhir_plugin.delete.own_places import own_places
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.places import NOT_OFFERED, what_to_ask
from fhir_plugin.delete.record_places import NotOffered, RecordPlaces
from fhir_plugin.errors import PluginError, SignInNeeded, WrongPatient
from mappings.model.deletion import DeletionCase, DeletionItem, Looked, Proof
from mappings.model.identifiers import LaunchId


def prove(
    parts: DeleteParts, launch: LaunchId, case: DeletionCase, item: DeletionItem, needles: Needles | None
) -> Proof:
    """Looks everywhere, once. Without `needles` nothing can be looked for here, so that it is not proven.

    Raises `SignInNeeded` where the launch may not ask any more, `WrongPatient` where it belongs to another record.
    """
    record, purge = parts.records(launch), parts.purges(launch)
    if record.base != case.fhir_base:
        raise WrongPatient("This launch is of another record than the request.")
    sought = Sought(item.image, needles, parts.vault.keyed_digest)
    beside = kept_beside(parts, case.fhir_base, item.image.reference)
    there = RecordPlaces(record, purge, case.patient, item.image, needles, sought, beside=beside)
    in_chart = CopyPlaces(parts, record, purge, case, item, needles)
    looks = {**there.looks(), **in_chart.looks(), **own_places(parts, case, item, needles, sought)}
    places = tuple(_look(parts, place, look) for place, look in looks.items())
    return Proof(parts.clock.now(), places, what_to_ask(places, there.means()))


def _look(parts: DeleteParts, place: str, look: Callable[[], Iterator[str]]) -> Looked:
    """What was found before somebody refused to go on counts as found, too. Looking may take longer than a lease."""
    parts.engine.keep_lease()
    at = parts.clock.now()
    found: dict[str, None] = {}
    try:
        for each in look():
            found[each] = None
    except NotOffered:
        return Looked(f"{place}{NOT_OFFERED}", at, tuple(found))
    except SignInNeeded:
        raise
    except PluginError as refused:
        return Looked(place, at, tuple(found), unasked=refused.code)
    return Looked(place, at, tuple(found))
