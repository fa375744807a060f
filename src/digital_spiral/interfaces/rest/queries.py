"""Query parameters of the routes, taken as the contract writes them: unknown names and lax spellings are refused."""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from digital_spiral.domain.entities.issue_views import IssueFilter, IssueSort

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)  # RFC 3339, 5.6


def _spelt(pattern: re.Pattern[str], form: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and pattern.fullmatch(value) is None:
            raise ValueError(f"Input should be {form}")
        return value

    return BeforeValidator(check)


StrictUuid = Annotated[UUID, _spelt(_UUID, "a UUID with its hyphens")]
Instant = Annotated[AwareDatetime, _spelt(_INSTANT, "a date and time with its offset, such as 2026-01-31T12:00:00Z")]
Limit = Annotated[int, Field(ge=1, le=100, description="Items on a page, at most."), _spelt(_INTEGER, "an integer")]
Cursor = Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z0-9_-]+$")]
Value = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]  # PostgreSQL has no NUL
Values = Annotated[list[Value], Field(default_factory=list, max_length=50)]


class NoQuery(BaseModel):
    """No parameter at all."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(NoQuery):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Annotated[Cursor | None, Field(description="The `next_cursor` of the page before.")] = None


class SiteQuery(NoQuery):
    """Of which site."""

    instance_id: Annotated[
        StrictUuid | None, Field(description="Only of this site. Needed for an issue key that two sites have.")
    ] = None


class SitePageQuery(SiteQuery, PageQuery):
    """Which page, and of which site."""


class IssueQuery(SitePageQuery):
    """Which issues, in which order."""

    project: Annotated[Values, Field(description="Project key.")]
    status: Annotated[Values, Field(description="Status id, or its name in any case.")]
    status_category: Annotated[
        list[Literal["new", "indeterminate", "done", "undefined"]],
        Field(default_factory=list, max_length=4, description="Jira's key of the status category."),
    ]
    type: Annotated[Values, Field(description="Issue type id, or its name in any case.")]
    assignee: Annotated[Values, Field(description="Account id, or `unassigned`.")]
    label: Annotated[Values, Field(description="A label, exactly as written.")]
    updated_from: Annotated[Instant | None, Field(description="Updated at this instant or later.")] = None
    updated_to: Annotated[Instant | None, Field(description="Updated before this instant.")] = None
    sort: Annotated[
        Literal["updated", "-updated", "created", "-created"],
        Field(description="Order; a minus sign puts the newest first."),
    ] = "-updated"

    @property
    def wanted(self) -> IssueFilter:
        """The filter that the parameters make up."""
        return IssueFilter(
            instance_id=self.instance_id,
            projects=self.project,
            statuses=self.status,
            status_categories=list(self.status_category),
            types=self.type,
            assignees=self.assignee,
            labels=self.label,
            updated_from=self.updated_from,
            updated_to=self.updated_to,
        )

    @property
    def order(self) -> IssueSort:
        """The order that is asked for."""
        return IssueSort(self.sort)


REPEATABLE = frozenset({"project", "status", "status_category", "type", "assignee", "label"})
"""Parameters that may come more than once; a route that does not have them refuses them anyway."""
