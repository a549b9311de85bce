"""Everything the first release keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_plugin.adapters.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables that `fhir_plugin.adapters.tables` describes."""
    op.create_table(
        "audit_entries",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("launch", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_patient"), "audit_entries", ["patient"], unique=False)
    op.create_index(op.f("ix_audit_entries_subject"), "audit_entries", ["subject"], unique=False)
    op.create_table(
        "audit_heads",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_tip",
        sa.Column("chain", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_tip")),
    )
    op.create_table(
        "companion_history",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("last_updated", Instant(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("fhir_base", "type", "id", "version", name=op.f("pk_companion_history")),
    )
    op.create_table(
        "companion_resources",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("last_updated", Instant(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("fhir_base", "type", "id", name=op.f("pk_companion_resources")),
    )
    op.create_index(op.f("ix_companion_resources_last_updated"), "companion_resources", ["last_updated"], unique=False)
    op.create_index(
        "ix_companion_resources_patient", "companion_resources", ["fhir_base", "patient", "type"], unique=False
    )
    op.create_table(
        "drafts",
        sa.Column("capture_id", sa.Text(), nullable=False),
        sa.Column("launch", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("updated", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("capture_id", name=op.f("pk_drafts")),
    )
    op.create_index("ix_drafts_fhir_base_patient", "drafts", ["fhir_base", "patient"], unique=False)
    op.create_index(op.f("ix_drafts_launch"), "drafts", ["launch"], unique=False)
    op.create_index(op.f("ix_drafts_state"), "drafts", ["state"], unique=False)
    op.create_table(
        "installation_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation_keys")),
    )
    op.create_table(
        "intents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("launch", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("plan_vault_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt", Instant(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("updated", Instant(), nullable=False),
        sa.Column("detail", sa.JSON(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
    )
    op.create_index("ix_intents_fhir_base_patient", "intents", ["fhir_base", "patient"], unique=False)
    op.create_index("ix_intents_state_next_attempt", "intents", ["state", "next_attempt"], unique=False)
    op.create_index(op.f("ix_intents_subject"), "intents", ["subject"], unique=False)
    op.create_table(
        "launch_sessions",
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("user", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("last_seen", Instant(), nullable=False),
        sa.Column("ends", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("launch_id", name=op.f("pk_launch_sessions")),
    )
    op.create_index(op.f("ix_launch_sessions_ends"), "launch_sessions", ["ends"], unique=False)
    op.create_index(
        "ix_launch_sessions_fhir_base_patient_user", "launch_sessions", ["fhir_base", "patient", "user"], unique=False
    )
    op.create_table(
        "pending_launches",
        sa.Column("state_digest", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name=op.f("pk_pending_launches")),
    )
    op.create_index(op.f("ix_pending_launches_expires"), "pending_launches", ["expires"], unique=False)
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("changed", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )
    op.create_index(op.f("ix_signing_keys_state"), "signing_keys", ["state"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("expires", Instant(), nullable=True),
        sa.Column("refresh_state", sa.Text(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("updated", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("launch_id", name=op.f("pk_tokens")),
    )
    op.create_table(
        "vault_items",
        sa.Column("vault_id", sa.Text(), nullable=False),
        sa.Column("compartment", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_vault_items")),
    )
    op.create_index("ix_vault_items_compartment_state", "vault_items", ["compartment", "state"], unique=False)
    op.create_index(op.f("ix_vault_items_owner"), "vault_items", ["owner"], unique=False)
    op.create_table(
        "intent_steps",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("updated", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intents.id"], name=op.f("fk_intent_steps_intent_id_intents"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("intent_id", "name", name=op.f("pk_intent_steps")),
    )


def downgrade() -> None:
    """Drops them, and all they hold."""
    op.drop_table("intent_steps")
    op.drop_index(op.f("ix_vault_items_owner"), table_name="vault_items")
    op.drop_index("ix_vault_items_compartment_state", table_name="vault_items")
    op.drop_table("vault_items")
    op.drop_table("tokens")
    op.drop_index(op.f("ix_signing_keys_state"), table_name="signing_keys")
    op.drop_table("signing_keys")
    op.drop_index(op.f("ix_pending_launches_expires"), table_name="pending_launches")
    op.drop_table("pending_launches")
    op.drop_index("ix_launch_sessions_fhir_base_patient_user", table_name="launch_sessions")
    op.drop_index(op.f("ix_launch_sessions_ends"), table_name="launch_sessions")
    op.drop_table("launch_sessions")
    op.drop_index(op.f("ix_intents_subject"), table_name="intents")
    op.drop_index("ix_intents_state_next_attempt", table_name="intents")
    op.drop_index("ix_intents_fhir_base_patient", table_name="intents")
    op.drop_table("intents")
    op.drop_table("installation_keys")
    op.drop_index(op.f("ix_drafts_state"), table_name="drafts")
    op.drop_index(op.f("ix_drafts_launch"), table_name="drafts")
    op.drop_index("ix_drafts_fhir_base_patient", table_name="drafts")
    op.drop_table("drafts")
    op.drop_index("ix_companion_resources_patient", table_name="companion_resources")
    op.drop_index(op.f("ix_companion_resources_last_updated"), table_name="companion_resources")
    op.drop_table("companion_resources")
    op.drop_table("companion_history")
    op.drop_table("audit_tip")
    op.drop_table("audit_heads")
    op.drop_index(op.f("ix_audit_entries_subject"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_patient"), table_name="audit_entries")
    op.drop_table("audit_entries")
