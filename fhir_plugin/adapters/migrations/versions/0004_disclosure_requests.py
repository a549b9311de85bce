"""Requests for a copy of a record, which a disclosure officer works through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_plugin.adapters.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds one table; nothing that is there changes."""
    op.create_table(
        "disclosure_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("reading", sa.Float(), nullable=True),
        sa.Column("reading_at", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_requests")),
    )
    op.create_index(
        "ix_disclosure_requests_fhir_base_patient", "disclosure_requests", ["fhir_base", "patient"], unique=False
    )
    op.create_index(
        "ix_disclosure_requests_fhir_base_state", "disclosure_requests", ["fhir_base", "state"], unique=False
    )


def downgrade() -> None:
    """Removes it, with the requests in it."""
    op.drop_table("disclosure_requests")
