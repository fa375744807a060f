"""Names of what issues refer to by id, found with one query for a whole page.

Joining each name to each issue takes PostgreSQL three times as long: ten joins to plan and start, and the same few
statuses and accounts looked up again for every issue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

# Table and column names in the SQL below come from this module, never from input.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True)
class _Reference:
    """Columns of an issue that hold ids of a table's rows, and what such a row is called."""

    table: str
    columns: tuple[str, ...]
    type: str = "text"
    name: str = "name"
    key: str = "NULL"
    condition: str = ""

    def ids(self, issues: Iterable[asyncpg.Record]) -> list[object]:
        """The ids that the issues hold, each once."""
        found: set[object] = set()
        for issue in issues:
            for column in self.columns:
                value = issue[column]
                if isinstance(value, list):
                    found.update(value)
                elif value is not None:
                    found.add(value)
        return list(found)

    def sql(self, parameter: int) -> str:
        """Rows with the ids in a parameter."""
        return (
            f"SELECT '{self.table}' AS kind, instance_id, jira_id::text AS id, {self.name} AS name, {self.key} AS key "
            f"FROM {self.table} WHERE tenant_id = $1 AND instance_id = ANY($2::uuid[]) "
            f"AND jira_id = ANY(${parameter}::{self.type}[]){self.condition}"
        )


# A name is given whether or not its row is gone since: an issue that still refers to a status or an account is best
# read with the name that it had. The key of another issue is not: that issue is gone.
_REFERENCES = (
    _Reference("projects", ("project_id",), type="bigint", key="key"),
    _Reference("issue_types", ("issue_type_id",)),
    _Reference("statuses", ("status_id",)),
    _Reference("priorities", ("priority_id",)),
    _Reference("resolutions", ("resolution_id",)),
    _Reference("users", ("assignee_id", "reporter_id", "creator_id"), name="display_name"),
    _Reference("issues", ("parent_id",), type="bigint", name="NULL", key="key", condition=" AND gone_at IS NULL"),
    _Reference("project_components", ("component_ids",), type="bigint"),
    _Reference("project_versions", ("fix_version_ids",), type="bigint"),
)
_SQL = " UNION ALL ".join(reference.sql(position) for position, reference in enumerate(_REFERENCES, start=3))


class Names:
    """Names and keys of the rows that some issues refer to."""

    def __init__(self, rows: Iterable[asyncpg.Record]) -> None:
        self._found = {(kind, instance_id, identity): (name, key) for kind, instance_id, identity, name, key in rows}

    def name(self, table: str, instance_id: UUID, identity: str | int) -> str | None:
        """What the row is called; None when the copy does not hold it."""
        return self._of(table, instance_id, identity)[0]

    def key(self, table: str, instance_id: UUID, identity: str | int) -> str | None:
        """The key of a project or issue; None when the copy does not hold it."""
        return self._of(table, instance_id, identity)[1]

    def _of(self, table: str, instance_id: UUID, identity: str | int) -> tuple[str | None, str | None]:
        return self._found.get((table, instance_id, str(identity)), (None, None))


async def read_names(driver: asyncpg.Connection, tenant_id: UUID, issues: Sequence[asyncpg.Record]) -> Names:
    """Look up what rows of issues refer to."""
    instances = list({issue["instance_id"] for issue in issues})
    ids = (reference.ids(issues) for reference in _REFERENCES)
    return Names(await driver.fetch(_SQL, tenant_id, instances, *ids))
