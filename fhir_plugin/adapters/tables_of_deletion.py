"""The tables of hidden and destroyed images: part of `fhir_plugin.adapters.tables`, which gives them to everybody."""

from __future__ import annotations

import sqlalchemy as sa

from fhir_plugin.adapters.columns import instant as _instant
from fhir_plugin.adapters.columns import metadata as metadata
from fhir_plugin.adapters.columns import sealed as _sealed
from fhir_plugin.adapters.columns import text as _text

hidden_images = sa.Table(
    "hidden_images",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True),
    _text("patient"),
    _text("state"),
    _instant("since"),
    _sealed("sealed"),
    sa.Index("ix_hidden_images_fhir_base_patient", "fhir_base", "patient"),
)
"""What ordinary view does not show. Where its bytes and its resource are kept is sealed."""

deletion_cases = sa.Table(
    "deletion_cases",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("nhs_digest", nullable=True, index=True),
    sa.Column("is_open", sa.Boolean, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    _instant("created"),
    _instant("look_at", nullable=True, index=True),
    _sealed("sealed"),
    sa.Index("ix_deletion_cases_fhir_base_patient", "fhir_base", "patient"),
)
"""Requests for permanent deletion. `nhs_digest`: keyed, to be found by. `look_at`: when the app itself looks again."""

deletion_certificates = sa.Table(
    "deletion_certificates",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("case_id", index=True),
    _text("item_id"),
    _instant("at"),
    _sealed("sealed"),
    sa.Index("ix_deletion_certificates_fhir_base_patient", "fhir_base", "patient"),
)
"""Certificates of destruction, as signed."""
