"""The tables of the store: the only place that knows columns.

Mirrored tables carry ``tenant_id, instance_id`` and Jira's id as primary key. Their remaining columns have the names of
the entity's attributes, in the same order, so a bulk write needs no mapping. ``read_at`` is the moment the read began
that brought the row; ``gone_at`` and ``gone_proof`` make a row a tombstone.

``raw_jsonb`` and other JSON columns are stored EXTERNAL (uncompressed): compressing them costs more than half of the
write speed.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

TIMESTAMP = sa.TIMESTAMP(timezone=True)

# `Column` is invariant in its Python type, so a function that takes columns of several types can only say `Any`.
AnyColumn = sa.Column[Any]


def _text(name: str, *, null: bool = False) -> AnyColumn:
    return sa.Column(name, sa.Text, nullable=null)


def _integer(name: str, *, null: bool = False) -> AnyColumn:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _boolean(name: str) -> AnyColumn:
    return sa.Column(name, sa.Boolean, nullable=False)


def _time(name: str, *, null: bool = False) -> AnyColumn:
    return sa.Column(name, TIMESTAMP, nullable=null)


def _json(name: str, *, null: bool = False) -> AnyColumn:
    return sa.Column(name, JSONB, nullable=null)


def _hash() -> AnyColumn:
    return sa.Column("content_hash", sa.LargeBinary, nullable=False)


tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", TIMESTAMP, nullable=False),
)


def _tenant_id() -> AnyColumn:
    return sa.Column("tenant_id", sa.Uuid, sa.ForeignKey(tenants.c.id, ondelete="CASCADE"), nullable=False)


API_KEY_IN_USE = sa.text("revoked_at IS NULL")
"""Whose names are taken; written out, because the planner matches it with the partial index word by word."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    _tenant_id(),
    sa.Column("id", sa.Uuid, nullable=False),
    _text("name"),
    _text("prefix"),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    _time("created_at"),
    _time("expires_at", null=True),
    _time("last_used_at", null=True),
    _time("revoked_at", null=True),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    # The key that a request presents.
    sa.UniqueConstraint("tenant_id", "prefix"),
    # At most one key of a name that is not revoked.
    sa.Index("api_keys_name_in_use_key", "tenant_id", "name", unique=True, postgresql_where=API_KEY_IN_USE),
)

jira_instances = sa.Table(
    "jira_instances",
    metadata,
    _tenant_id(),
    sa.Column("id", sa.Uuid, nullable=False),
    _text("name"),
    _text("base_url"),
    sa.Column("credentials", sa.LargeBinary, nullable=False),
    _text("account_id"),
    _text("time_zone"),
    _time("created_at"),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    sa.UniqueConstraint("tenant_id", "name"),
    sa.UniqueConstraint("tenant_id", "base_url"),
)


def _owned_by_instance() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "instance_id"], [jira_instances.c.tenant_id, jira_instances.c.id], ondelete="CASCADE"
    )


def _scope() -> tuple[AnyColumn, AnyColumn]:
    return (sa.Column("tenant_id", sa.Uuid, nullable=False), sa.Column("instance_id", sa.Uuid, nullable=False))


def _site_table(name: str, identity: AnyColumn, *columns: AnyColumn) -> sa.Table:
    """A mirrored table of the site's own things: users, projects, metadata, boards."""
    return sa.Table(
        name,
        metadata,
        *_scope(),
        identity,
        *columns,
        _json("raw_jsonb"),
        _hash(),
        _time("read_at"),
        _time("gone_at", null=True),
        _text("gone_proof", null=True),
        sa.PrimaryKeyConstraint("tenant_id", "instance_id", "jira_id"),
        _owned_by_instance(),
    )


projects = _site_table(
    "projects",
    _integer("jira_id"),
    _text("key"),
    _text("name"),
    _text("type_key", null=True),
    _boolean("simplified"),
    _text("lead_id", null=True),
    _boolean("archived"),
)
project_components = _site_table(
    "project_components",
    _integer("jira_id"),
    _integer("project_id"),
    _text("name"),
    _text("description", null=True),
    _text("lead_id", null=True),
)
project_versions = _site_table(
    "project_versions",
    _integer("jira_id"),
    _integer("project_id"),
    _text("name"),
    _text("description", null=True),
    _boolean("archived"),
    _boolean("released"),
    sa.Column("start_on", sa.Date),
    sa.Column("release_on", sa.Date),
)
users = _site_table(
    "users",
    _text("jira_id"),
    _text("display_name"),
    _text("email_hash", null=True),
    _boolean("active"),
    _text("account_type", null=True),
    _text("time_zone", null=True),
)
statuses = _site_table("statuses", _text("jira_id"), _text("name"), _text("category"))
priorities = _site_table(
    "priorities", _text("jira_id"), _text("name"), sa.Column("position", sa.Integer, nullable=False)
)
resolutions = _site_table("resolutions", _text("jira_id"), _text("name"))
issue_types = _site_table(
    "issue_types",
    _text("jira_id"),
    _text("name"),
    _boolean("subtask"),
    sa.Column("hierarchy_level", sa.Integer, nullable=False),
)
custom_fields = _site_table(
    "custom_fields",
    _text("jira_id"),
    _text("name"),
    _text("schema_type", null=True),
    _text("schema_items", null=True),
    _text("schema_custom", null=True),
)
boards = _site_table("boards", _integer("jira_id"), _text("name"), _text("type"), _integer("project_id", null=True))
sprints = _site_table(
    "sprints",
    _integer("jira_id"),
    _integer("board_id", null=True),
    _text("name"),
    _text("state"),
    _time("start_at", null=True),
    _time("end_at", null=True),
    _time("completed_at", null=True),
    _text("goal", null=True),
)


def _timeline(moment: str, *more: str) -> sa.Index:
    """Issues by a moment; the columns that lists are filtered by ride along, so that the index alone answers."""
    return sa.Index(
        None,
        "tenant_id",
        moment,
        "instance_id",
        "jira_id",
        postgresql_include=[
            *("project_id", "issue_type_id", "status_id", "status_category", "assignee_id"),
            *more,
        ],
        postgresql_where=sa.text("gone_at IS NULL"),
    )


issues = sa.Table(
    "issues",
    metadata,
    *_scope(),
    _integer("jira_id"),
    _text("key"),
    _integer("project_id"),
    _text("issue_type_id"),
    _text("status_id"),
    _text("status_category"),
    _text("summary"),
    _text("priority_id", null=True),
    _text("resolution_id", null=True),
    _text("assignee_id", null=True),
    _text("reporter_id", null=True),
    _text("creator_id", null=True),
    _integer("parent_id", null=True),
    _integer("epic_id", null=True),
    sa.Column("story_points", sa.Double),
    sa.Column("labels", ARRAY(sa.Text), nullable=False),
    sa.Column("component_ids", ARRAY(sa.BigInteger), nullable=False),
    sa.Column("fix_version_ids", ARRAY(sa.BigInteger), nullable=False),
    _time("created_at"),
    _time("jira_updated_at"),
    _time("resolved_at", null=True),
    sa.Column("due_on", sa.Date),
    _json("description", null=True),
    _text("description_text", null=True),
    _json("raw_jsonb"),
    _boolean("replaced_characters"),
    _hash(),
    _time("read_at"),
    _time("gone_at", null=True),
    _text("gone_proof", null=True),
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "jira_id"),
    _owned_by_instance(),
    # The ids and versions of one project, in id order: what a backfill and a census compare with Jira.
    sa.Index(None, "tenant_id", "instance_id", "project_id", "jira_id"),
    # An issue by its key.
    sa.Index(None, "tenant_id", "key"),
    # Issues in the order of time, filtered on the way without a look at the table.
    _timeline("jira_updated_at"),
    _timeline("created_at", "jira_updated_at"),
    # Issues of a value that few have.
    sa.Index(None, "tenant_id", "assignee_id"),
    sa.Index(None, "tenant_id", "status_id"),
    sa.Index(None, "tenant_id", "issue_type_id"),
)


def _of_issue(column: str = "issue_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "instance_id", column],
        [issues.c.tenant_id, issues.c.instance_id, issues.c.jira_id],
        ondelete="CASCADE",
    )


def _child_table(name: str, *columns: AnyColumn) -> sa.Table:
    """A mirrored table of what hangs on an issue, read by issue when it is compared or shown."""
    return sa.Table(
        name,
        metadata,
        *_scope(),
        _integer("jira_id"),
        _integer("issue_id"),
        *columns,
        _hash(),
        _time("read_at"),
        _time("gone_at", null=True),
        _text("gone_proof", null=True),
        sa.PrimaryKeyConstraint("tenant_id", "instance_id", "jira_id"),
        _of_issue(),
        sa.Index(None, "tenant_id", "instance_id", "issue_id"),
    )


comments = _child_table(
    "comments",
    _text("author_id", null=True),
    _text("update_author_id", null=True),
    _time("created_at"),
    _time("jira_updated_at"),
    _text("visibility_type", null=True),
    _text("visibility_value", null=True),
    _json("body", null=True),
    _json("raw_jsonb"),
    _boolean("replaced_characters"),
)
worklogs = _child_table(
    "worklogs",
    _text("author_id", null=True),
    _text("update_author_id", null=True),
    _time("started_at"),
    _integer("time_spent_seconds"),
    _time("created_at"),
    _time("jira_updated_at"),
    _json("raw_jsonb"),
    _boolean("replaced_characters"),
)
attachments = _child_table(
    "attachments",
    _text("filename"),
    _text("author_id", null=True),
    _time("created_at"),
    _integer("size"),
    _text("mime_type", null=True),
    _text("content_url", null=True),
)

issue_links = sa.Table(
    "issue_links",
    metadata,
    *_scope(),
    _integer("jira_id"),
    _integer("source_id"),
    _integer("target_id"),
    _text("source_key"),
    _text("target_key"),
    _text("type_id"),
    _text("type_name"),
    _text("inward"),
    _text("outward"),
    _hash(),
    _time("read_at"),
    _time("gone_at", null=True),
    _text("gone_proof", null=True),
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "jira_id"),
    # Either end may lie outside what the account can see, so only the site is referenced.
    _owned_by_instance(),
    # The links of an issue, seen from either end.
    sa.Index(None, "tenant_id", "instance_id", "source_id"),
    sa.Index(None, "tenant_id", "instance_id", "target_id"),
)

changelogs = sa.Table(
    "changelogs",
    metadata,
    *_scope(),
    _integer("issue_id"),
    _integer("jira_id"),
    sa.Column("item", sa.Integer, nullable=False),
    _text("author_id", null=True),
    _time("created_at"),
    _text("field"),
    _text("field_type", null=True),
    _text("field_id", null=True),
    _text("from_value", null=True),
    _text("from_text", null=True),
    _text("to_value", null=True),
    _text("to_text", null=True),
    _hash(),
    _time("read_at"),
    _time("gone_at", null=True),
    _text("gone_proof", null=True),
    # A history is only ever read with its issue: one index serves identity and reading.
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "issue_id", "jira_id", "item"),
    _of_issue(),
)

issue_field_values = sa.Table(
    "issue_field_values",
    metadata,
    *_scope(),
    _integer("issue_id"),
    _text("field_id"),
    sa.Column("position", sa.Integer, nullable=False),
    _text("value_text", null=True),
    _text("value_id", null=True),
    sa.Column("value_number", sa.Double),
    _time("value_time", null=True),
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "issue_id", "field_id", "position"),
    _of_issue(),
    # Issues with a label. Jira allows 255 characters; a longer text would not fit into an index entry.
    sa.Index(
        "issue_field_values_labels_idx",
        "tenant_id",
        "value_text",
        "instance_id",
        "issue_id",
        postgresql_where=sa.text("field_id = 'labels' AND char_length(value_text) <= 255"),
    ),
)
issue_sprints = sa.Table(
    "issue_sprints",
    metadata,
    *_scope(),
    _integer("issue_id"),
    _integer("sprint_id"),
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "issue_id", "sprint_id"),
    _of_issue(),
)

sync_watermarks = sa.Table(
    "sync_watermarks",
    metadata,
    *_scope(),
    _text("scope"),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.Uuid),
    _time("updated_at"),
    sa.PrimaryKeyConstraint("tenant_id", "instance_id", "scope"),
    _owned_by_instance(),
)
sync_runs = sa.Table(
    "sync_runs",
    metadata,
    *_scope(),
    sa.Column("id", sa.Uuid, nullable=False),
    _text("state"),
    sa.Column("epoch", sa.Integer, nullable=False),
    _text("phase"),
    sa.Column("issues_total", sa.Integer, nullable=False),
    sa.Column("issues_done", sa.Integer, nullable=False),
    sa.Column("issues_fetched", sa.Integer, nullable=False),
    _json("counts"),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("skipped", sa.Integer, nullable=False),
    _json("skips"),
    sa.Column("replaced_characters", sa.Integer, nullable=False),
    _integer("worker_peak_rss"),
    _text("error", null=True),
    _time("created_at"),
    _time("started_at", null=True),
    _time("finished_at", null=True),
    _time("progressed_at", null=True),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    _owned_by_instance(),
    # The latest runs of an instance.
    sa.Index(None, "tenant_id", "instance_id", "created_at"),
    # At most one unfinished run of an instance; also how the sweep finds those of a tenant.
    sa.Index(
        "sync_runs_unfinished_key",
        "tenant_id",
        "instance_id",
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    ),
)
audit_log = sa.Table(
    "audit_log",
    metadata,
    _tenant_id(),
    sa.Column("id", sa.Uuid, nullable=False),
    _time("at"),
    _text("actor"),
    _text("action"),
    _text("target"),
    _json("details"),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
)

EXTERNAL_COLUMNS = (
    issues.c.description,
    issues.c.raw_jsonb,
    comments.c.body,
    comments.c.raw_jsonb,
    worklogs.c.raw_jsonb,
)
"""JSON columns stored uncompressed."""

TENANT_TABLES = tuple(table for table in metadata.sorted_tables if "tenant_id" in table.c)
