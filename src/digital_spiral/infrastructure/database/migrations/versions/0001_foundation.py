"""Tenants, Jira instances, the mirrored tables, runs and the audit log.

Revision: 0001, the first.
"""

from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from digital_spiral.infrastructure.database.policies import expose_columns, isolate, store_uncompressed

revision = "0001"
down_revision = None

# `Column` is invariant in its Python type, so a function that takes columns of several types can only say `Any`.
AnyColumn = sa.Column[Any]

SITE_TABLES = (
    "projects",
    "project_components",
    "project_versions",
    "users",
    "statuses",
    "priorities",
    "resolutions",
    "issue_types",
    "custom_fields",
    "boards",
    "sprints",
)
ISSUE_TABLES = (
    "issues",
    "comments",
    "worklogs",
    "attachments",
    "issue_links",
    "changelogs",
    "issue_field_values",
    "issue_sprints",
)
TENANT_TABLES = ("jira_instances", *SITE_TABLES, *ISSUE_TABLES, "sync_watermarks", "sync_runs", "audit_log")
UNCOMPRESSED = (
    ("issues", "description"),
    ("issues", "raw_jsonb"),
    ("comments", "body"),
    ("comments", "raw_jsonb"),
    ("worklogs", "raw_jsonb"),
)


def upgrade() -> None:
    """Make all tables, their indexes, and the application role's rights."""
    _make_tenancy()
    _make_site_tables()
    _make_agile_tables()
    _make_issues()
    _make_children()
    _make_links_changes_and_values()
    _make_sync_tables()
    _make_indexes()
    _give_rights(context.config.attributes["app_role"])


def downgrade() -> None:
    """Drop all tables."""
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.drop_table("tenants")


def _columns(type_: sa.types.TypeEngine[Any], *names: str, null: bool = False) -> list[AnyColumn]:
    return [sa.Column(name, type_, nullable=null) for name in names]


_text = partial(_columns, sa.Text())
_integer = partial(_columns, sa.Integer())
_bigint = partial(_columns, sa.BigInteger())
_float = partial(_columns, sa.Double())
_boolean = partial(_columns, sa.Boolean())
_time = partial(_columns, sa.TIMESTAMP(timezone=True))
_date = partial(_columns, sa.Date())
_json = partial(_columns, JSONB())
_bytes = partial(_columns, sa.LargeBinary())
_uuid = partial(_columns, sa.Uuid())


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("tenant_id", *columns, name=f"{table}_pkey")


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=f"{table}_tenant_id_fkey", ondelete="CASCADE")


def _of_instance(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "instance_id"],
        ["jira_instances.tenant_id", "jira_instances.id"],
        name=f"{table}_tenant_id_instance_id_fkey",
        ondelete="CASCADE",
    )


def _of_issue(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "instance_id", "issue_id"],
        ["issues.tenant_id", "issues.instance_id", "issues.jira_id"],
        name=f"{table}_tenant_id_instance_id_issue_id_fkey",
        ondelete="CASCADE",
    )


def _scope() -> list[AnyColumn]:
    return _uuid("tenant_id", "instance_id")


def _read() -> list[AnyColumn]:
    return [*_bytes("content_hash"), *_time("read_at"), *_time("gone_at", null=True), *_text("gone_proof", null=True)]


def _site_table(table: str, *columns: AnyColumn) -> None:
    op.create_table(
        table,
        *_scope(),
        *columns,
        *_json("raw_jsonb"),
        *_read(),
        _key(table, "instance_id", "jira_id"),
        _of_instance(table),
    )


def _child_table(table: str, *columns: AnyColumn) -> None:
    op.create_table(
        table,
        *_scope(),
        *_bigint("jira_id", "issue_id"),
        *columns,
        *_read(),
        _key(table, "instance_id", "jira_id"),
        _of_issue(table),
    )


def _make_tenancy() -> None:
    op.create_table(
        "tenants",
        *_uuid("id"),
        *_text("name"),
        *_time("created_at"),
        sa.PrimaryKeyConstraint("id", name="tenants_pkey"),
        sa.UniqueConstraint("name", name="tenants_name_key"),
    )
    op.create_table(
        "jira_instances",
        *_uuid("tenant_id", "id"),
        *_text("name", "base_url"),
        *_bytes("credentials"),
        *_text("account_id", "time_zone"),
        *_time("created_at"),
        _key("jira_instances", "id"),
        _of_tenant("jira_instances"),
        sa.UniqueConstraint("tenant_id", "name", name="jira_instances_tenant_id_name_key"),
        sa.UniqueConstraint("tenant_id", "base_url", name="jira_instances_tenant_id_base_url_key"),
    )


def _make_site_tables() -> None:
    _site_table(
        "projects",
        *_bigint("jira_id"),
        *_text("key", "name"),
        *_text("type_key", null=True),
        *_boolean("simplified"),
        *_text("lead_id", null=True),
        *_boolean("archived"),
    )
    _site_table(
        "project_components",
        *_bigint("jira_id", "project_id"),
        *_text("name"),
        *_text("description", "lead_id", null=True),
    )
    _site_table(
        "project_versions",
        *_bigint("jira_id", "project_id"),
        *_text("name"),
        *_text("description", null=True),
        *_boolean("archived", "released"),
        *_date("start_on", "release_on", null=True),
    )
    _site_table(
        "users",
        *_text("jira_id", "display_name"),
        *_text("email_hash", null=True),
        *_boolean("active"),
        *_text("account_type", "time_zone", null=True),
    )
    _site_table("statuses", *_text("jira_id", "name", "category"))
    _site_table("priorities", *_text("jira_id", "name"), *_integer("position"))
    _site_table("resolutions", *_text("jira_id", "name"))
    _site_table("issue_types", *_text("jira_id", "name"), *_boolean("subtask"), *_integer("hierarchy_level"))


def _make_agile_tables() -> None:
    _site_table(
        "custom_fields",
        *_text("jira_id", "name"),
        *_text("schema_type", "schema_items", "schema_custom", null=True),
    )
    _site_table("boards", *_bigint("jira_id"), *_text("name", "type"), *_bigint("project_id", null=True))
    _site_table(
        "sprints",
        *_bigint("jira_id"),
        *_bigint("board_id", null=True),
        *_text("name", "state"),
        *_time("start_at", "end_at", "completed_at", null=True),
        *_text("goal", null=True),
    )


def _make_issues() -> None:
    op.create_table(
        "issues",
        *_scope(),
        *_bigint("jira_id"),
        *_text("key"),
        *_bigint("project_id"),
        *_text("issue_type_id", "status_id", "status_category", "summary"),
        *_text("priority_id", "resolution_id", "assignee_id", "reporter_id", "creator_id", null=True),
        *_bigint("parent_id", "epic_id", null=True),
        *_float("story_points", null=True),
        *_columns(ARRAY(sa.Text()), "labels"),
        *_columns(ARRAY(sa.BigInteger()), "component_ids", "fix_version_ids"),
        *_time("created_at", "jira_updated_at"),
        *_time("resolved_at", null=True),
        *_date("due_on", null=True),
        *_json("description", null=True),
        *_text("description_text", null=True),
        *_json("raw_jsonb"),
        *_boolean("replaced_characters"),
        *_read(),
        _key("issues", "instance_id", "jira_id"),
        _of_instance("issues"),
    )


def _make_children() -> None:
    _child_table(
        "comments",
        *_text("author_id", "update_author_id", null=True),
        *_time("created_at", "jira_updated_at"),
        *_text("visibility_type", "visibility_value", null=True),
        *_json("body", null=True),
        *_json("raw_jsonb"),
        *_boolean("replaced_characters"),
    )
    _child_table(
        "worklogs",
        *_text("author_id", "update_author_id", null=True),
        *_time("started_at"),
        *_bigint("time_spent_seconds"),
        *_time("created_at", "jira_updated_at"),
        *_json("raw_jsonb"),
        *_boolean("replaced_characters"),
    )
    _child_table(
        "attachments",
        *_text("filename"),
        *_text("author_id", null=True),
        *_time("created_at"),
        *_bigint("size"),
        *_text("mime_type", "content_url", null=True),
    )


def _make_links_changes_and_values() -> None:
    op.create_table(
        "issue_links",
        *_scope(),
        *_bigint("jira_id", "source_id", "target_id"),
        *_text("source_key", "target_key", "type_id", "type_name", "inward", "outward"),
        *_read(),
        _key("issue_links", "instance_id", "jira_id"),
        _of_instance("issue_links"),
    )
    op.create_table(
        "changelogs",
        *_scope(),
        *_bigint("issue_id", "jira_id"),
        *_integer("item"),
        *_text("author_id", null=True),
        *_time("created_at"),
        *_text("field"),
        *_text("field_type", "field_id", "from_value", "from_text", "to_value", "to_text", null=True),
        *_read(),
        _key("changelogs", "instance_id", "issue_id", "jira_id", "item"),
        _of_issue("changelogs"),
    )
    op.create_table(
        "issue_field_values",
        *_scope(),
        *_bigint("issue_id"),
        *_text("field_id"),
        *_integer("position"),
        *_text("value_text", "value_id", null=True),
        *_float("value_number", null=True),
        *_time("value_time", null=True),
        _key("issue_field_values", "instance_id", "issue_id", "field_id", "position"),
        _of_issue("issue_field_values"),
    )
    op.create_table(
        "issue_sprints",
        *_scope(),
        *_bigint("issue_id", "sprint_id"),
        _key("issue_sprints", "instance_id", "issue_id", "sprint_id"),
        _of_issue("issue_sprints"),
    )


def _make_sync_tables() -> None:
    op.create_table(
        "sync_watermarks",
        *_scope(),
        *_text("scope"),
        *_bigint("position"),
        *_uuid("run_id", null=True),
        *_time("updated_at"),
        _key("sync_watermarks", "instance_id", "scope"),
        _of_instance("sync_watermarks"),
    )
    op.create_table(
        "sync_runs",
        *_scope(),
        *_uuid("id"),
        *_text("state"),
        *_integer("epoch"),
        *_text("phase"),
        *_integer("issues_total", "issues_done", "issues_fetched"),
        *_json("counts"),
        *_integer("requests", "skipped"),
        *_json("skips"),
        *_integer("replaced_characters"),
        *_bigint("worker_peak_rss"),
        *_text("error", null=True),
        *_time("created_at"),
        *_time("started_at", "finished_at", null=True),
        _key("sync_runs", "id"),
        _of_instance("sync_runs"),
    )
    op.create_table(
        "audit_log",
        *_uuid("tenant_id", "id"),
        *_time("at"),
        *_text("actor", "action", "target"),
        *_json("details"),
        _key("audit_log", "id"),
        _of_tenant("audit_log"),
    )


def _make_indexes() -> None:
    # MirrorRepository.issue_versions and issue_ids: ids and versions of one project, in id order.
    _index("issues", "instance_id", "project_id", "jira_id")
    # MirrorRepository.upsert_issues and bundles: the children of a batch of issues; deletion of an issue.
    _index("comments", "instance_id", "issue_id")
    _index("worklogs", "instance_id", "issue_id")
    _index("attachments", "instance_id", "issue_id")
    # MirrorRepository.upsert_issues and bundles: the links of a batch of issues, seen from either end.
    _index("issue_links", "instance_id", "source_id")
    _index("issue_links", "instance_id", "target_id")
    # RunRepository.latest: the newest run of an instance.
    _index("sync_runs", "instance_id", "created_at")
    # RunRepository.add: no second unfinished run of an instance; RunRepository.unfinished: those of a tenant.
    op.create_index(
        "sync_runs_unfinished_key",
        "sync_runs",
        ["tenant_id", "instance_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(f"{table}_tenant_id_{'_'.join(columns)}_idx", table, ["tenant_id", *columns])


def _give_rights(app_role: str) -> None:
    statements = [store_uncompressed(table, column) for table, column in UNCOMPRESSED]
    statements += expose_columns("tenants", ("id",), app_role)
    # Any process may ask which revision the database is at.
    statements += expose_columns("alembic_version", ("version_num",), app_role)
    for table in TENANT_TABLES:
        statements += isolate(table, app_role)
    for statement in statements:
        op.execute(statement)
