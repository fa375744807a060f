"""The issues a query can reach at all, found through the site's indexes instead of by looking at every issue."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge

from jira_emulator.model import Issue
from jira_emulator.site import Site

_BEYOND = 1 << 62


@dataclass(slots=True)
class Scope:
    """Bounds on a search: projects, a closed range of ids, and possibly an explicit choice of ids."""

    site: Site
    projects: set[str]
    low: int = 0
    high: int = _BEYOND
    only: frozenset[int] | None = None

    def choose(self, ids: Iterable[int]) -> None:
        """Keep only these ids."""
        chosen = frozenset(ids)
        self.only = chosen if self.only is None else self.only & chosen

    def ascending(self, after: int | None = None) -> Iterator[Issue]:
        """The issues in ascending order of id, those beyond ``after`` only."""
        low = self.low if after is None else max(self.low, after + 1)
        issues = self.site.issues
        return (issues[number] for number in self._ids(low, self.high, reverse=False))

    def descending(self, before: int | None = None) -> Iterator[Issue]:
        """The issues in descending order of id, those below ``before`` only."""
        high = self.high if before is None else min(self.high, before - 1)
        issues = self.site.issues
        return (issues[number] for number in self._ids(self.low, high, reverse=True))

    def count(self) -> int:
        """How many issues the scope holds."""
        if self.only is not None:
            return len(self._chosen(self.low, self.high))
        spans = (self._span(project, self.low, self.high) for project in self.projects)
        return sum(max(0, end - start) for _, start, end in spans)

    def _ids(self, low: int, high: int, *, reverse: bool) -> Iterator[int]:
        if self.only is not None:
            return iter(sorted(self._chosen(low, high), reverse=reverse))
        runs = [self._run(project, low, high, reverse=reverse) for project in self.projects]
        return runs[0] if len(runs) == 1 else merge(*runs, reverse=reverse)

    def _span(self, project: str, low: int, high: int) -> tuple[list[int], int, int]:
        ids = self.site.issue_ids(project)
        return ids, bisect_left(ids, low), bisect_right(ids, high)

    def _run(self, project: str, low: int, high: int, *, reverse: bool) -> Iterator[int]:
        ids, start, end = self._span(project, low, high)
        positions = range(end - 1, start - 1, -1) if reverse else range(start, end)
        return (ids[position] for position in positions)

    def _chosen(self, low: int, high: int) -> list[int]:
        issues = self.site.issues
        return [
            number
            for number in self.only or ()
            if low <= number <= high and number in issues and issues[number].project_id in self.projects
        ]
