"""What *File* will do in this EHR, said before it is pressed: the same choice that the `place` step will write down."""

from __future__ import annotations

from fhir_plugin.capability import Capability
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.ladder_words import SENSITIVE_TOO, Forecast, forecast
from fhir_plugin.capture.order import labels_of
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.place import Asked, chosen_for
from fhir_plugin.capture.verdicts import Store
from fhir_plugin.errors import PluginError
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.labels import is_restricted
from mappings.model.people import ClinicalSession


def foretold(parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment) -> Forecast | None:
    """Nothing where no picture is to be stored so far, or where the EHR cannot be asked now: filing says then."""
    if not _stored(draft, assessment):
        return None
    try:
        capability = parts.records(session.launch_id).capability()
    except PluginError:
        return None
    return foretold_at(capability, parts.policy, draft, assessment, encounter=session.encounter is not None)


def foretold_at(
    capability: Capability, policy: PolicyPack, draft: Draft, assessment: Assessment, *, encounter: bool
) -> Forecast | None:
    """The same at a server that is known."""
    stored = _stored(draft, assessment)
    if not stored:
        return None
    restricted = [is_restricted(labels_of(assessment, image.image_id)) for image in stored]
    asked = Asked(
        largest=max(image.clean_size for image in stored),
        content_types=frozenset(image.content_type for image in stored),
        words_only=policy.chart_copy_words_only,
        all_restricted=all(restricted),
        reduce=policy.chart_copy_reduce,
        encounter=encounter,
    )
    return forecast_of(capability, asked, any_restricted=any(restricted))


def _stored(draft: Draft, assessment: Assessment) -> list[DraftImage]:
    """The pictures that would be stored now; a video counts once it is made."""
    images = [draft.image(image) for image, verdict in assessment.verdicts.items() if isinstance(verdict, Store)]
    return [image for image in images if image.clean is not None]


def forecast_of(capability: Capability, asked: Asked, *, any_restricted: bool) -> Forecast:
    """The words for what filing would do."""
    chosen = chosen_for(capability, asked)
    said = forecast(chosen)
    words_of_some = asked.words_only and any_restricted and not chosen.rung.whole and chosen.rung.shows_picture
    if not words_of_some:
        return said
    return Forecast(said.rung, f"{said.sentence} {SENSITIVE_TOO}", said.why_not)
