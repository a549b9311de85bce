"""The tables of filing where a chart takes less than an image: part of `fhir_plugin.adapters.tables`."""

from __future__ import annotations

import sqlalchemy as sa

from fhir_plugin.adapters.columns import instant as _instant
from fhir_plugin.adapters.columns import metadata as metadata
from fhir_plugin.adapters.columns import sealed as _sealed
from fhir_plugin.adapters.columns import text as _text

chart_copies = sa.Table(
    "chart_copies",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("image"),
    _text("document", nullable=True),
    _text("binary", nullable=True),
    _text("state", index=True),
    _instant("since"),
    _sealed("sealed"),
    sa.Index("ix_chart_copies_fhir_base_patient", "fhir_base", "patient"),
    sa.Index("ix_chart_copies_fhir_base_image", "fhir_base", "image"),
    sa.Index("ix_chart_copies_fhir_base_document", "fhir_base", "document"),
    sa.Index("ix_chart_copies_fhir_base_binary", "fhir_base", "binary"),
)
"""What this app left in charts that take no images: one row for each image and each way it was left there."""

server_limits = sa.Table(
    "server_limits",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("refused_bytes", sa.BigInteger, nullable=False),
    _instant("since"),
)
"""The smallest request body that a server has refused as too large. It says nothing about anybody."""

server_types = sa.Table(
    "server_types",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("content_type", sa.Text, primary_key=True),
    _instant("since"),
)
"""MIME types of which a server has refused the bytes, whatever it says of Binary."""
