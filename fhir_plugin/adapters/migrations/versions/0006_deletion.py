"""Hidden images, requests for permanent deletion, certificates of destruction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_plugin.adapters.columns import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds three tables; nothing that is there changes."""
    op.create_table(
        "hidden_images",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "reference", name=op.f("pk_hidden_images")),
    )
    op.create_index("ix_hidden_images_fhir_base_patient", "hidden_images", ["fhir_base", "patient"], unique=False)
    op.create_table(
        "deletion_cases",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("nhs_digest", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("look_at", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion_cases")),
    )
    op.create_index("ix_deletion_cases_fhir_base_patient", "deletion_cases", ["fhir_base", "patient"], unique=False)
    op.create_index(op.f("ix_deletion_cases_is_open"), "deletion_cases", ["is_open"], unique=False)
    op.create_index(op.f("ix_deletion_cases_look_at"), "deletion_cases", ["look_at"], unique=False)
    op.create_index(op.f("ix_deletion_cases_nhs_digest"), "deletion_cases", ["nhs_digest"], unique=False)
    op.create_table(
        "deletion_certificates",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deletion_certificates")),
    )
    op.create_index(op.f("ix_deletion_certificates_case_id"), "deletion_certificates", ["case_id"], unique=False)
    op.create_index(
        "ix_deletion_certificates_fhir_base_patient", "deletion_certificates", ["fhir_base", "patient"], unique=False
    )


def downgrade() -> None:
    """Removes them: what was hidden here is hidden no more, and nobody knows what was destroyed."""
    op.drop_table("deletion_certificates")
    op.drop_table("deletion_cases")
    op.drop_table("hidden_images")
