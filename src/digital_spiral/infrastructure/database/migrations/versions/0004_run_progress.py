"""The moment of a run's last progress, by which one that stands still is noticed.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; runs of before have none."""
    op.add_column("sync_runs", sa.Column("progressed_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("sync_runs", "progressed_at")
