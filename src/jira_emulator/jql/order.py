"""Sorted pages of matching issues. A page starts after a position, not after a number of issues.

A position is the sort key of the last issue delivered, so a page stays right when issues appear, change or go
between two requests, and what was already read is not delivered again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import total_ordering
from heapq import nsmallest
from itertools import islice
from operator import attrgetter

from jira_emulator.jql.evaluate import key_number
from jira_emulator.jql.match import Match
from jira_emulator.jql.tree import JqlError, SortTerm
from jira_emulator.model import Issue
from jira_emulator.site import Site

Position = tuple[int | str, ...]
"""A sort key as plain values: one per term, then the issue id."""


@total_ordering
@dataclass(frozen=True, slots=True)
class _Descending:
    text: str

    def __lt__(self, other: "_Descending") -> bool:
        return other.text < self.text


_Key = tuple[int | str | _Descending, ...]


@dataclass(frozen=True, slots=True)
class _Sort:
    """One compiled term. Numbers of descending terms are negated, texts are wrapped."""

    read: Callable[[Issue], int | str]
    descending: bool

    def key(self, issue: Issue) -> int | str | _Descending:
        value = self.read(issue)
        if not self.descending:
            return value
        return -value if isinstance(value, int) else _Descending(value)

    def restore(self, value: int | str) -> int | str | _Descending:
        return _Descending(value) if self.descending and isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a query, ready to cut pages from matching issues; ties are broken by ascending id."""

    sorts: tuple[_Sort, ...]
    by_id: bool | None
    """Whether plain id order serves the query: ``False`` ascending, ``True`` descending, ``None`` not at all."""

    def page(self, match: Match, after: Position | None, size: int) -> tuple[list[Issue], Position | None]:
        """Up to ``size`` matching issues after a position, and the position to go on from, if there are more."""
        if self.by_id is None:
            found = self._sorted(match, after, size + 1)
        else:
            last = None if after is None else int(after[-1])
            scope = match.scope
            issues = scope.descending(last) if self.by_id else scope.ascending(last)
            found = list(islice(match.select(issues), size + 1))
        if len(found) <= size:
            return found, None
        del found[size:]
        return found, self._position(found[-1])

    def window(self, match: Match, start: int, size: int) -> list[Issue]:
        """The matching issues ``start`` to ``start + size``, for lists that page by number."""
        if self.by_id is None:
            return self._sorted(match, None, start + size)[start:]
        issues = match.scope.descending() if self.by_id else match.scope.ascending()
        return list(islice(match.select(issues), start, start + size))

    def _sorted(self, match: Match, after: Position | None, size: int) -> list[Issue]:
        issues: Iterable[Issue] = match.select(match.scope.ascending())
        keyed = ((self._key(issue), issue.id) for issue in issues)
        if after is not None:
            start = (*(sort.restore(value) for sort, value in zip(self.sorts, after, strict=False)), after[-1])
            keyed = (pair for pair in keyed if pair[0] > start)
        site = match.scope.site
        return [site.issues[number] for _, number in nsmallest(size, keyed)]

    def _key(self, issue: Issue) -> _Key:
        return (*(sort.key(issue) for sort in self.sorts), issue.id)

    def _position(self, issue: Issue) -> Position:
        return tuple(part.text if isinstance(part, _Descending) else part for part in self._key(issue))


def compile_order(terms: tuple[SortTerm, ...], site: Site) -> Order:
    """Make ORDER BY ready. A query without one is answered newest issue first, as Jira's issue lists are.

    Raises:
        JqlError: A field does not exist or cannot be sorted by.
    """
    sorts: list[_Sort] = []
    for term in terms:
        name = term.field.lower()
        if name == "id":
            descending = bool(term.descending)
            if not sorts:
                return Order((), by_id=descending)
            sorts.append(_Sort(attrgetter("id"), descending))
            continue
        reader = _READERS.get(name)
        if reader is None:
            raise JqlError(f"Field '{term.field}' does not exist or you do not have permission to view it.")
        descending = name in _NEWEST_FIRST if term.descending is None else term.descending
        sorts.append(_Sort(reader(site), descending))
    return Order(tuple(sorts), by_id=None if sorts else True)


def _text(value: str | None) -> str:
    """A sortable text in which a missing value comes last."""
    return "1" if value is None else "0" + value.casefold()


def _by_key(site: Site) -> Callable[[Issue], str]:
    keys = {project.id: project.key for project in site.projects.values()}
    return lambda issue: f"{keys[issue.project_id]}-{key_number(issue.key):012d}"


def _by_project(site: Site) -> Callable[[Issue], str]:
    keys = {project.id: _text(project.key) for project in site.projects.values()}
    return lambda issue: keys[issue.project_id]


def _by_type(site: Site) -> Callable[[Issue], str]:
    names = {kind.id: _text(kind.name) for kind in site.issue_types.values()}
    return lambda issue: names[issue.issue_type_id]


def _by_status(site: Site) -> Callable[[Issue], str]:
    names = {status.id: _text(status.name) for status in site.statuses.values()}
    return lambda issue: names[issue.status_id]


def _by_assignee(site: Site) -> Callable[[Issue], str]:
    names: dict[str | None, str] = {user.account_id: _text(user.display_name) for user in site.users.values()}
    names[None] = _text(None)
    return lambda issue: names.get(issue.assignee, names[None])


def _by_created(_site: Site) -> Callable[[Issue], int]:
    return attrgetter("created")


def _by_updated(_site: Site) -> Callable[[Issue], int]:
    return attrgetter("updated")


_NEWEST_FIRST = frozenset({"created", "createddate", "updated", "updateddate"})
_READERS: dict[str, Callable[[Site], Callable[[Issue], int] | Callable[[Issue], str]]] = {
    "key": _by_key,
    "issue": _by_key,
    "issuekey": _by_key,
    "workitem": _by_key,
    "workitemkey": _by_key,
    "project": _by_project,
    "issuetype": _by_type,
    "type": _by_type,
    "worktype": _by_type,
    "status": _by_status,
    "assignee": _by_assignee,
    "created": _by_created,
    "createddate": _by_created,
    "updated": _by_updated,
    "updateddate": _by_updated,
}
