"""The tables about images in a record: part of `fhir_plugin.adapters.tables`, which gives them to everybody."""

from __future__ import annotations

import sqlalchemy as sa

from fhir_plugin.adapters.columns import instant as _instant
from fhir_plugin.adapters.columns import metadata as metadata
from fhir_plugin.adapters.columns import sealed as _sealed
from fhir_plugin.adapters.columns import text as _text

kept_images = sa.Table(
    "kept_images",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True),
    _text("patient"),
    _text("capture_id", index=True),
    _instant("filed"),
    sa.Column("review_at_16", sa.Date, nullable=True),
    sa.Column("review_at_18", sa.Date, nullable=True),
    sa.Column("retention_review", sa.Date, nullable=True),
    _sealed("sealed"),
    sa.Index("ix_kept_images_fhir_base_patient", "fhir_base", "patient"),
)
"""What we filed and somebody must look at again: at maturity (G-R245) and when its retention ends (G-R169)."""

image_labels = sa.Table(
    "image_labels",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True),
    _text("patient"),
    _sealed("sealed"),
    sa.Index("ix_image_labels_fhir_base_patient", "fhir_base", "patient"),
)
"""What we say about the labels of images in a record, ours and other systems'. A label says what it labels: sealed."""
