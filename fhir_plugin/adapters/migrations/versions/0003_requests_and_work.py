"""What waits for people, requests to patients, what is kept and when it is reviewed, packs in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_plugin.adapters.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds nine tables; nothing that is there changes."""
    op.create_table(
        "absences",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "user", name=op.f("pk_absences")),
    )
    op.create_table(
        "colleagues",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("last_seen", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "user", name=op.f("pk_colleagues")),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("lifted", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_fhir_base_patient", "holds", ["fhir_base", "patient"], unique=False)
    op.create_table(
        "kept_images",
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("capture_id", sa.Text(), nullable=False),
        sa.Column("filed", Instant(), nullable=False),
        sa.Column("review_at_16", sa.Date(), nullable=True),
        sa.Column("review_at_18", sa.Date(), nullable=True),
        sa.Column("retention_review", sa.Date(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fhir_base", "reference", name=op.f("pk_kept_images")),
    )
    op.create_index(op.f("ix_kept_images_capture_id"), "kept_images", ["capture_id"], unique=False)
    op.create_index("ix_kept_images_fhir_base_patient", "kept_images", ["fhir_base", "patient"], unique=False)
    op.create_table(
        "link_tries",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_link_tries")),
    )
    op.create_table(
        "packs_in_force",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_packs_in_force")),
    )
    op.create_table(
        "photo_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("link_digest", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_requests")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_photo_requests_link_digest")),
    )
    op.create_index(op.f("ix_photo_requests_expires"), "photo_requests", ["expires"], unique=False)
    op.create_index("ix_photo_requests_fhir_base_patient", "photo_requests", ["fhir_base", "patient"], unique=False)
    op.create_table(
        "second_opinions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_opinions")),
    )
    op.create_index(op.f("ix_second_opinions_expires"), "second_opinions", ["expires"], unique=False)
    op.create_index("ix_second_opinions_fhir_base_patient", "second_opinions", ["fhir_base", "patient"], unique=False)
    op.create_index(
        "ix_second_opinions_fhir_base_recipient", "second_opinions", ["fhir_base", "recipient"], unique=False
    )
    op.create_table(
        "work_items",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fhir_base", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("created", Instant(), nullable=False),
        sa.Column("due", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_items")),
    )
    op.create_index(
        "uq_work_items_open",
        "work_items",
        ["fhir_base", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_work_items_fhir_base_patient", "work_items", ["fhir_base", "patient"], unique=False)


def downgrade() -> None:
    """Removes them, with what waits in them."""
    for table in (
        "work_items",
        "second_opinions",
        "photo_requests",
        "packs_in_force",
        "link_tries",
        "kept_images",
        "holds",
        "colleagues",
        "absences",
    ):
        op.drop_table(table)
