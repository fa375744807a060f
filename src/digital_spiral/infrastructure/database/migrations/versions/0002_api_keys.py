"""API keys of the tenants.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import ARRAY

from digital_spiral.infrastructure.database.policies import isolate

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table, its indexes, and the application role's rights."""
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="api_keys_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="api_keys_tenant_id_fkey", ondelete="CASCADE"),
        # ApiKeyRepository.by_prefix: the key that a request presents.
        sa.UniqueConstraint("tenant_id", "prefix", name="api_keys_tenant_id_prefix_key"),
    )
    # ApiKeyRepository.add: no second key of one name, unless the first is revoked.
    op.create_index(
        "api_keys_name_in_use_key",
        "api_keys",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    for statement in isolate("api_keys", context.config.attributes["app_role"]):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("api_keys")
