"""What was left in charts that take no images, and what servers refused as too large or of another type."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_plugin.adapters.columns import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds three tables; nothing that is there changes."""
    op.create_table(
        "chart_copies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("binary", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chart_copies")),
    )
    for column in ("patient", "image", "document", "binary"):
        op.create_index(f"ix_chart_copies_fhir_base_{column}", "chart_copies", ["fhir_base", column], unique=False)
    op.create_index(op.f("ix_chart_copies_state"), "chart_copies", ["state"], unique=False)
    op.create_table(
        "server_limits",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("refused_bytes", sa.BigInteger(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", name=op.f("pk_server_limits")),
    )
    op.create_table(
        "server_types",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "content_type", name=op.f("pk_server_types")),
    )


def downgrade() -> None:
    """Removes them: nobody knows any more what was left in which chart."""
    op.drop_table("server_types")
    op.drop_table("server_limits")
    op.drop_table("chart_copies")
