"""Indexes for readers of issues.

Revision: 0003, after 0002.

The two lists in the order of time carry every column that issues are filtered by. A filter that many issues pass is
read off such a list until the page is full, and one that few pass costs at most a scan of an index that is a tenth of
the table. The small indexes find the issues of a rare value without that scan.

Jira's labels have up to 255 characters. What an odd site may have beyond that would not fit into an index entry.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_FILTERED = ["project_id", "issue_type_id", "status_id", "status_category", "assignee_id"]
_MADE = (
    ("issues", "issues_tenant_id_key_idx"),
    ("issues", "issues_tenant_id_jira_updated_at_instance_id_jira_id_idx"),
    ("issues", "issues_tenant_id_created_at_instance_id_jira_id_idx"),
    ("issues", "issues_tenant_id_assignee_id_idx"),
    ("issues", "issues_tenant_id_status_id_idx"),
    ("issues", "issues_tenant_id_issue_type_id_idx"),
    ("issue_field_values", "issue_field_values_labels_idx"),
)


def upgrade() -> None:
    """Make the indexes."""
    # IssueReadsRepository.locate: the issue with a key, on any site of the tenant.
    op.create_index("issues_tenant_id_key_idx", "issues", ["tenant_id", "key"])
    # IssueReadsRepository.issues: by update, in both directions.
    op.create_index(
        "issues_tenant_id_jira_updated_at_instance_id_jira_id_idx",
        "issues",
        ["tenant_id", "jira_updated_at", "instance_id", "jira_id"],
        postgresql_include=_FILTERED,
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    # IssueReadsRepository.issues: by creation, in both directions.
    op.create_index(
        "issues_tenant_id_created_at_instance_id_jira_id_idx",
        "issues",
        ["tenant_id", "created_at", "instance_id", "jira_id"],
        postgresql_include=[*_FILTERED, "jira_updated_at"],
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    # IssueReadsRepository.issues: what a person has, where that is little.
    op.create_index("issues_tenant_id_assignee_id_idx", "issues", ["tenant_id", "assignee_id"])
    # IssueReadsRepository.issues: a status that few issues are in.
    op.create_index("issues_tenant_id_status_id_idx", "issues", ["tenant_id", "status_id"])
    # IssueReadsRepository.issues: a type that few issues have.
    op.create_index("issues_tenant_id_issue_type_id_idx", "issues", ["tenant_id", "issue_type_id"])
    # IssueReadsRepository.issues: issues with a label.
    op.create_index(
        "issue_field_values_labels_idx",
        "issue_field_values",
        ["tenant_id", "value_text", "instance_id", "issue_id"],
        postgresql_where=sa.text("field_id = 'labels' AND char_length(value_text) <= 255"),
    )


def downgrade() -> None:
    """Drop the indexes."""
    for table, index in reversed(_MADE):
        op.drop_index(index, table)
