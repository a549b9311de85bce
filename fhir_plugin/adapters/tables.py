"""Every table of our own database.

Columns hold ids, codes, states and times. What may speak about a person (resources, drafts, tokens, launch
context) is sealed: see `fhir_plugin.adapters.keys`.
"""

from __future__ import annotations

import sqlalchemy as sa

from fhir_plugin.adapters.columns import Instant as Instant
from fhir_plugin.adapters.columns import instant as _instant
from fhir_plugin.adapters.columns import metadata as metadata
from fhir_plugin.adapters.columns import sealed as _sealed
from fhir_plugin.adapters.columns import text as _text
from fhir_plugin.adapters.tables_of_deletion import deletion_cases as deletion_cases
from fhir_plugin.adapters.tables_of_deletion import deletion_certificates as deletion_certificates
from fhir_plugin.adapters.tables_of_deletion import hidden_images as hidden_images
from fhir_plugin.adapters.tables_of_images import image_labels as image_labels
from fhir_plugin.adapters.tables_of_images import kept_images as kept_images
from fhir_plugin.adapters.tables_of_writeback import chart_copies as chart_copies
from fhir_plugin.adapters.tables_of_writeback import server_limits as server_limits
from fhir_plugin.adapters.tables_of_writeback import server_types as server_types

# ------------------------------------------------------------------------------------------- the vault

vault_items = sa.Table(
    "vault_items",
    metadata,
    sa.Column("vault_id", sa.Text, primary_key=True),
    _text("compartment"),
    _text("owner", index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    _instant("created"),
    _sealed("wrapped_key", nullable=True),
    _text("state"),
    sa.Index("ix_vault_items_compartment_state", "compartment", "state"),
)
"""`state`: making (bytes not yet promised), ready, destroyed (key gone; kept as a tombstone)."""

installation_keys = sa.Table(
    "installation_keys",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _sealed("sealed"),
    _instant("created"),
)
"""Keys that must outlive a rotation of the master key, sealed under it: the digest key."""

# ------------------------------------------------------------------------------------------------ audit

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("at"),
    _text("action"),
    _text("actor"),
    _text("patient", nullable=True, index=True),
    _text("launch", nullable=True),
    _text("subject", nullable=True, index=True),
    _text("policy", nullable=True),
    _text("outcome"),
    _text("detail"),
    _text("previous"),
    _text("hash"),
)
"""`at` and `detail` are kept as the very text that was hashed."""

audit_tip = sa.Table(
    "audit_tip",
    metadata,
    sa.Column("chain", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    _text("hash"),
)
"""One row: the newest entry. Whoever appends holds it, so that the chain cannot fork."""

audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("hash"),
    _text("at"),
    _text("jws"),
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    _text("state", index=True),
    _text("public_jwk"),
    _sealed("private_key"),
    _instant("created"),
    _instant("changed"),
)
"""`state`: next, current, retired (verifies), revoked (does not)."""

# ----------------------------------------------------------------------------------------------- ledger

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("kind"),
    _text("subject", index=True),
    _text("fhir_base"),
    _text("patient"),
    _text("user"),
    _text("launch", nullable=True),
    _text("state"),
    _text("outcome", nullable=True),
    _text("plan_vault_id", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, default=0, server_default="0"),
    _instant("next_attempt", nullable=True),
    _text("lease_owner", nullable=True),
    _instant("lease_until", nullable=True),
    _instant("created"),
    _instant("updated"),
    sa.Column("detail", sa.JSON, nullable=False, default=dict, server_default="{}"),
    sa.Index("ix_intents_state_next_attempt", "state", "next_attempt"),
    sa.Index("ix_intents_fhir_base_patient", "fhir_base", "patient"),
)
"""`state`: open, waiting-for-sign-in, unresolved, ended. `detail`: ids and codes only."""

intent_steps = sa.Table(
    "intent_steps",
    metadata,
    sa.Column("intent_id", sa.Text, sa.ForeignKey(intents.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    _text("state"),
    sa.Column("evidence", sa.JSON, nullable=False, default=dict, server_default="{}"),
    _instant("updated"),
)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("capture_id", sa.Text, primary_key=True),
    _text("launch", index=True),
    _text("fhir_base"),
    _text("patient"),
    _text("user"),
    _text("state", index=True),
    sa.Column("version", sa.Integer, nullable=False),
    _sealed("sealed"),
    _instant("created"),
    _instant("updated"),
    sa.Index("ix_drafts_fhir_base_patient", "fhir_base", "patient"),
)

# --------------------------------------------------------------------------------------------- sessions

pending_launches = sa.Table(
    "pending_launches",
    metadata,
    sa.Column("state_digest", sa.Text, primary_key=True),
    _sealed("sealed"),
    _instant("expires", index=True),
)

launch_sessions = sa.Table(
    "launch_sessions",
    metadata,
    sa.Column("launch_id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient", nullable=True),
    _text("user", nullable=True),
    _sealed("sealed"),
    _instant("created"),
    _instant("last_seen"),
    _instant("ends", index=True),
    sa.Index("ix_launch_sessions_fhir_base_patient_user", "fhir_base", "patient", "user"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("launch_id", sa.Text, primary_key=True),
    _sealed("sealed"),
    sa.Column("version", sa.Integer, nullable=False),
    _instant("expires", nullable=True),
    sa.Column("refresh_state", sa.Text, nullable=False),
    _text("lease_owner", nullable=True),
    _instant("lease_until", nullable=True),
    _instant("updated"),
)
"""`refresh_state`: unused, sent (the refresh token has left; it is never sent twice), none."""

# ---------------------------------------------------------------------------------------- the companion

companion_resources = sa.Table(
    "companion_resources",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    _text("patient", nullable=True),
    _instant("last_updated", index=True),
    sa.Column("deleted", sa.Boolean, nullable=False),
    _sealed("sealed", nullable=True),
    sa.Index("ix_companion_resources_patient", "fhir_base", "patient", "type"),
)
"""The current version of each resource that the EHR refuses to hold. `sealed` is null when deleted."""

companion_history = sa.Table(
    "companion_history",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    _text("patient", nullable=True),
    _instant("last_updated"),
    sa.Column("deleted", sa.Boolean, nullable=False),
    _sealed("sealed", nullable=True),
)

# ------------------------------------------------------------------------------------ who we are, and who may

client_keys = sa.Table(
    "client_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("public_jwk", sa.Text, nullable=False),
    _sealed("private_key"),
    _instant("created"),
    _instant("changed"),
)
"""Keys with which the app authenticates to EHRs. `state`: next, current, retired, revoked."""

appointments = sa.Table(
    "appointments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("issuer"),
    _text("user"),
    sa.Column("role", sa.Text, nullable=False),
    _instant("since"),
    _instant("until", nullable=True),
    _instant("ended", nullable=True),
    _sealed("sealed"),
    sa.Index("ix_appointments_issuer_user", "issuer", "user"),
)
"""Roles that this organisation gives somebody beside their job role. `sealed` holds who decided and why, and binds
the row: one that was written past the app gives nobody anything."""

# ------------------------------------------------------------------------------------------- what waits for people

work_items = sa.Table(
    "work_items",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("kind"),
    _text("fhir_base"),
    _text("patient"),
    _text("subject"),
    _text("owner", nullable=True),
    _instant("created"),
    _instant("due"),
    _instant("done_at", nullable=True),
    _sealed("sealed"),
    sa.Index("ix_work_items_fhir_base_patient", "fhir_base", "patient"),
    sa.Index(
        "uq_work_items_open",
        "fhir_base",
        "kind",
        "subject",
        unique=True,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    ),
)
"""One open item for each kind and subject at an EHR: the database refuses a second, whoever is first."""

colleagues = sa.Table(
    "colleagues",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, primary_key=True),
    _instant("last_seen"),
    _sealed("sealed"),
)
"""Who has worked here from which EHR: whom an item can be given to. `sealed`: name and roles at the last launch."""

absences = sa.Table(
    "absences",
    metadata,
    sa.Column("fhir_base", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, primary_key=True),
    _text("cover"),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    _sealed("sealed"),
)
"""Who is away, and who sees to their items meanwhile. One for each person."""

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("kind"),
    _instant("since"),
    _instant("lifted", nullable=True),
    _sealed("sealed"),
    sa.Index("ix_holds_fhir_base_patient", "fhir_base", "patient"),
)
"""What forbids destroying anything of a patient: a safeguarding concern, a complaint, a request for the record."""

photo_requests = sa.Table(
    "photo_requests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("link_digest", sa.Text, unique=True, nullable=False),
    _text("fhir_base"),
    _text("patient"),
    _text("state"),
    _instant("created"),
    _instant("expires", index=True),
    _sealed("sealed"),
    sa.Index("ix_photo_requests_fhir_base_patient", "fhir_base", "patient"),
)
"""`link_digest`: keyed digest of the secret in the link; the secret itself is kept nowhere."""

link_tries = sa.Table(
    "link_tries",
    metadata,
    sa.Column("who", sa.Text, primary_key=True),
    _instant("since"),
    sa.Column("count", sa.Integer, nullable=False),
)
"""`who`: keyed digest of a link or of a network address, for limiting guesses."""

second_opinions = sa.Table(
    "second_opinions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("state"),
    _text("recipient"),
    _instant("created"),
    _instant("expires", index=True),
    _sealed("sealed"),
    sa.Index("ix_second_opinions_fhir_base_patient", "fhir_base", "patient"),
    sa.Index("ix_second_opinions_fhir_base_recipient", "fhir_base", "recipient"),
)

disclosure_requests = sa.Table(
    "disclosure_requests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("fhir_base"),
    _text("patient"),
    _text("state"),
    sa.Column("revision", sa.Integer, nullable=False),
    _instant("created"),
    sa.Column("reading", sa.Float, nullable=True),
    _instant("reading_at", nullable=True),
    _sealed("sealed"),
    sa.Index("ix_disclosure_requests_fhir_base_patient", "fhir_base", "patient"),
    sa.Index("ix_disclosure_requests_fhir_base_state", "fhir_base", "state"),
)
"""`reading`: how much of the record has been read, from 0 to 1, while somebody reads it; `reading_at`: their last sign
of life. Neither is sealed, nor part of what `revision` counts."""

packs_in_force = sa.Table(
    "packs_in_force",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("version"),
    _text("source"),
    _instant("since"),
)
"""Every pack that was in force; the latest `since` is the last good one. `name`: its reference (id and version).

`source`: the TOML of its layers, as a JSON list.
"""
