"""What we say about the labels of images in a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds one table; nothing that is there changes."""
    op.create_table(
        "image_labels",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "reference", name=op.f("pk_image_labels")),
    )
    op.create_index("ix_image_labels_fhir_base_patient", "image_labels", ["fhir_base", "patient"], unique=False)


def downgrade() -> None:
    """Removes it: what an EHR did not take is no longer hidden here."""
    op.drop_table("image_labels")
