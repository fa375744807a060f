"""Which issues a reader asked for: filters and order as one SQL query.

Names of projects, statuses and types become ids first, on the few rows of the sites' vocabulary, so that the query
over issues compares indexed columns with values and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from digital_spiral.domain.entities.issue_views import UNASSIGNED, IssueFilter, IssueSort
from digital_spiral.infrastructure.database.repositories import issue_rows

# Column names in the SQL below come from this module, never from input.
# ruff: noqa: S608

_ORDER_COLUMNS = {
    IssueSort.UPDATED: "jira_updated_at",
    IssueSort.UPDATED_DESC: "jira_updated_at",
    IssueSort.CREATED: "created_at",
    IssueSort.CREATED_DESC: "created_at",
}
_DESCENDING = {IssueSort.UPDATED_DESC, IssueSort.CREATED_DESC}
FEW_LABELLED = 500
"""Up to so many issues with a label are looked up one by one, which then costs less than going along the list."""

# The length is that of the index on labels, and says nothing else: Jira has none that is longer.
_LABEL_CONDITION = "tenant_id = $1 AND field_id = 'labels' AND char_length(value_text) <= 255 AND value_text"
_LABELLED = (
    "SELECT array_agg(instance_id) AS instances, array_agg(issue_id) AS ids FROM (SELECT instance_id, issue_id "
    f"FROM issue_field_values WHERE {_LABEL_CONDITION} = ANY($2::text[]) LIMIT {FEW_LABELLED + 1}) labelled"
)

_VOCABULARY = {
    "project_id": "SELECT 'project_id' AS field, instance_id, jira_id::text AS id, key AS name FROM projects "
    "WHERE tenant_id = $1 AND gone_at IS NULL AND key = ANY($2::text[])",
    "status_id": "SELECT 'status_id', instance_id, jira_id, name FROM statuses WHERE tenant_id = $1",
    "issue_type_id": "SELECT 'issue_type_id', instance_id, jira_id, name FROM issue_types WHERE tenant_id = $1",
}


@dataclass(slots=True)
class Choice:
    """The values one column may have: everywhere, or on one site only."""

    everywhere: list[str] = field(default_factory=list)
    on_site: dict[UUID, list[str]] = field(default_factory=dict)

    @property
    def impossible(self) -> bool:
        """Whether no value is left."""
        return not self.everywhere and not self.on_site


@dataclass(slots=True)
class Search:
    """A query under construction; parameters are numbered as they come."""

    parameters: list[object]
    conditions: list[str]
    source: str = "issues i"

    def parameter(self, value: object) -> str:
        """Add a parameter; returns its place holder."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def where(self, condition: str) -> None:
        """Add a condition."""
        self.conditions.append(condition)


async def search_issues(
    driver: asyncpg.Connection,
    tenant_id: UUID,
    wanted: IssueFilter,
    sort: IssueSort,
    limit: int,
    after: tuple[datetime, UUID, int] | None,
) -> list[asyncpg.Record]:
    """Rows of the wanted issues, in order, at most ``limit`` of them after a position."""
    choices = await _choices(driver, tenant_id, wanted)
    if any(choice.impossible for choice in choices.values()):
        return []
    search = Search([tenant_id], ["i.tenant_id = $1", "i.gone_at IS NULL"])
    if wanted.labels:
        labelled = await driver.fetchrow(_LABELLED, tenant_id, wanted.labels)
        if labelled["ids"] is None:
            return []
        _add_labels(search, wanted.labels, labelled["instances"], labelled["ids"])
    _add_filters(search, wanted, choices)
    column, descending = _ORDER_COLUMNS[sort], sort in _DESCENDING
    if after is not None:
        moment, instance_id, issue_id = (search.parameter(part) for part in after)
        search.where(
            f"(i.{column}, i.instance_id, i.jira_id) {'<' if descending else '>'} "
            f"({moment}::timestamptz, {instance_id}::uuid, {issue_id}::bigint)"
        )
    order, order_of_page = (
        ", ".join(f"{table}.{name} {'DESC' if descending else 'ASC'}" for name in (column, "instance_id", "jira_id"))
        for table in ("i", "page")
    )
    # The page is found in an index alone; only its own rows are read.
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {issue_rows.SUMMARY_COLUMNS} FROM (SELECT i.instance_id, i.jira_id, i.{column} FROM {search.source} "
        f"WHERE {' AND '.join(search.conditions)} ORDER BY {order} LIMIT {search.parameter(limit)}) page "
        "JOIN issues i ON i.tenant_id = $1 AND i.instance_id = page.instance_id AND i.jira_id = page.jira_id "
        f"ORDER BY {order_of_page}",
        *search.parameters,
    )
    return rows


def _add_filters(search: Search, wanted: IssueFilter, choices: dict[str, Choice]) -> None:
    if wanted.instance_id is not None:
        search.where(f"i.instance_id = {search.parameter(wanted.instance_id)}")
    for column, choice in choices.items():
        search.where(_chosen(search, column, choice))
    if wanted.status_categories:
        search.where(f"i.status_category = ANY({search.parameter(wanted.status_categories)}::text[])")
    if wanted.assignees:
        search.where(_assigned(search, wanted.assignees))
    if wanted.updated_from is not None:
        search.where(f"i.jira_updated_at >= {search.parameter(wanted.updated_from)}")
    if wanted.updated_to is not None:
        search.where(f"i.jira_updated_at < {search.parameter(wanted.updated_to)}")


def _add_labels(search: Search, labels: list[str], instances: list[UUID], ids: list[int]) -> None:
    """Demand one of the labels, in the way that fits how many issues have it; the first of them are known.

    A few issues are handed over by id. Of many, which the list reaches soon, PostgreSQL makes a hash table that it
    asks as it goes along the list; ``IS TRUE`` keeps it from looking up each of them in the table instead.
    """
    if len(ids) <= FEW_LABELLED:
        once = set(zip(instances, ids, strict=True))
        few = [search.parameter([issue[part] for issue in once]) for part in (0, 1)]
        search.source = f"unnest({few[0]}::uuid[], {few[1]}::bigint[]) AS few (instance_id, issue_id), issues i"
        search.where("i.instance_id = few.instance_id AND i.jira_id = few.issue_id")
        return
    search.where(
        f"EXISTS (SELECT FROM issue_field_values WHERE {_LABEL_CONDITION} "
        f"= ANY({search.parameter(labels)}::text[]) AND instance_id = i.instance_id AND issue_id = i.jira_id) IS TRUE"
    )


def _assigned(search: Search, assignees: list[str]) -> str:
    accounts = [assignee for assignee in assignees if assignee != UNASSIGNED]
    parts = [f"i.assignee_id = ANY({search.parameter(accounts)}::text[])"] if accounts else []
    if len(accounts) < len(assignees):
        parts.append("i.assignee_id IS NULL")
    return f"({' OR '.join(parts)})"


def _chosen(search: Search, column: str, choice: Choice) -> str:
    """The condition that a column has one of the values of its choice."""
    array = "bigint[]" if column == "project_id" else "text[]"

    def among(ids: Iterable[str]) -> str:
        values = [int(one) for one in ids] if column == "project_id" else list(ids)
        return f"i.{column} = ANY({search.parameter(values)}::{array})"

    parts = [among(choice.everywhere)] if choice.everywhere else []
    for instance_id, ids in choice.on_site.items():
        parts.append(f"(i.instance_id = {search.parameter(instance_id)} AND {among(ids)})")
    if len(parts) == 1:
        return parts[0]
    # Said again without the sites, because only a condition on the column alone can use an index on it.
    every = {*choice.everywhere, *(one for ids in choice.on_site.values() for one in ids)}
    return f"{among(sorted(every))} AND ({' OR '.join(parts)})"


async def _choices(driver: asyncpg.Connection, tenant_id: UUID, wanted: IssueFilter) -> dict[str, Choice]:
    """What the filters by name stand for, by column; only for filters that are there."""
    asked = {"project_id": wanted.projects, "status_id": wanted.statuses, "issue_type_id": wanted.types}
    asked = {column: values for column, values in asked.items() if values}
    if not asked:
        return {}
    sql = " UNION ALL ".join(_VOCABULARY[column] for column in asked)
    parameters: list[object] = [tenant_id, *([wanted.projects] if wanted.projects else [])]
    rows = await driver.fetch(sql, *parameters)
    return {
        column: _choice(values, [row for row in rows if row[0] == column], ids_too=column != "project_id")
        for column, values in asked.items()
    }


def _choice(values: list[str], rows: list[asyncpg.Record], *, ids_too: bool) -> Choice:
    """Match values with the rows' names, in any case; with ``ids_too``, a value may be an id as well.

    An id need not be among the rows: issues may have a status or type that the site does not list.
    """
    names = {value.casefold() for value in values} if ids_too else set(values)
    choice = Choice()
    matched: set[str] = set()
    for _, instance_id, identity, name in rows:
        folded = name.casefold() if ids_too else name
        if folded in names:
            choice.on_site.setdefault(instance_id, []).append(identity)
            matched.add(folded)
    if ids_too:
        known = {row[2] for row in rows}
        choice.everywhere = [value for value in values if value in known or value.casefold() not in matched]
    return choice
