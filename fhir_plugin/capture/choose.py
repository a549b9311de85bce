"""Which rung one capture takes: what is asked of the ladder, from an order that is fixed or a draft that is not yet."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_plugin.capability import Capability
from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.filing import FilingOrder
from fhir_plugin.capture.ladder import Ladder, ladder
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.labels import Label, is_restricted


def ladder_of(
    capability: Capability,
    policy: PolicyPack,
    images: Iterable[tuple[DraftImage, tuple[Label, ...]]],
    *,
    encounter: bool,
) -> Ladder:
    """One rung for all images of a capture, each with its labels: what holds for the most sensitive and the largest
    holds for all, so that one sentence is true of the whole of it."""
    stored = list(images)
    restricted = any(is_restricted(labels) for _, labels in stored)
    return ladder(
        capability,
        largest=max((image.clean_size for image, _ in stored), default=0),
        content_types=frozenset(image.content_type for image, _ in stored),
        words_only=restricted and policy.chart_copy_words_only,
        reduce=policy.chart_copy_reduce,
        encounter=encounter,
    )


def ladder_of_order(capability: Capability, policy: PolicyPack, order: FilingOrder, draft: Draft) -> Ladder:
    """The rung of an order, as its `place` step writes it down."""
    images = ((draft.image(image.image_id), image.labels) for image in order.images)
    return ladder_of(capability, policy, images, encounter=order.encounter is not None)
