"""An issue as answers show it, joined from stored JSON; only a list of fields makes it look inside.

Cost matters here: bulk answers are the emulator's main load, so nothing is decoded when all fields are asked.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

import msgspec

from jira_emulator.faults import FaultKind
from jira_emulator.limits import Limits
from jira_emulator.model import Entry, Issue
from jira_emulator.site import Site
from jira_emulator.stored import split
from jira_emulator.wire import BASE, Json

_BASE = BASE.encode()
_EXPAND = b"renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations"
_COLLECTIONS = ("comment", "worklog")
_MULTIPLE = frozenset({"comment", "worklog", "attachment"})
_IDENTITY = frozenset({"id", "key"})


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields a request asks for."""

    every: bool = False
    navigable: bool = False
    names: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether all fields are asked, so that the stored text serves as it is."""
        return self.every and not self.without

    @property
    def identity(self) -> bool:
        """Whether nothing but id and key is asked."""
        return not self.every and not self.navigable and self.names <= _IDENTITY

    def plain(self, limit: int) -> bool:
        """Whether at most ``limit`` fields are named, each holding one value."""
        explicit = not self.every and not self.navigable and bool(self.names)
        return explicit and len(self.names) <= limit and not self.names & _MULTIPLE

    def holds(self, name: str, site: Site) -> bool:
        """Whether the selection includes a field."""
        if name in self.without:
            return False
        if self.every or name in self.names:
            return True
        field = site.fields.get(name) if self.navigable else None
        return field is not None and field.navigable


def select_fields(names: Iterable[str], default: Selection) -> Selection:
    """Read a ``fields`` parameter: ``*all``, ``*navigable``, names, and names after ``-`` to leave out.

    A request that only leaves fields out starts from ``default``, or from all navigable ones when that is the id.
    """
    wanted = set(names)
    if not wanted:
        return default
    without = frozenset(name[1:] for name in wanted if name.startswith("-"))
    explicit = frozenset(name for name in wanted if not name.startswith(("-", "*")))
    every, navigable = "*all" in wanted, "*navigable" in wanted
    if not explicit and not every and not navigable:
        every, navigable = default.every, not default.every
    return Selection(every, navigable, explicit, without)


@dataclass(frozen=True, slots=True)
class View:
    """How issues are shown in one answer. ``histories`` is how many of the newest come along, 0 for none."""

    site: Site
    limits: Limits
    selection: Selection
    histories: int = 0
    tail: bytes = b""
    """Members that every issue ends with, each after a comma."""

    def render(self, issue: Issue, fault: FaultKind | None = None) -> bytes:
        """The issue's JSON object."""
        if self.selection.identity and not self.histories and "key" not in self.selection.names:
            return b'{"id":"%d"}' % issue.id
        parts = [
            b'{"expand":"%b","id":"%d","self":"%b/rest/api/3/issue/%d","key":"%b"'
            % (_EXPAND, issue.id, _BASE, issue.id, issue.key.encode())
        ]
        if not self.selection.identity and fault is not FaultKind.NO_FIELDS:
            parts.append(b',"fields":')
            parts += self._fields(issue)
        if self.histories:
            parts.append(b',"changelog":' + self._changelog(issue))
        parts += (self.tail, b"}")
        text = b"".join(parts)
        return text if fault is None else _spoil(text, fault)

    def with_expansions(self, expand: Container[str]) -> "View":
        """The same view with ``names`` and ``schema`` inside each issue, where they are asked."""
        tail = b""
        if "names" in expand:
            tail += b',"names":' + msgspec.json.encode(self.names())
        if "schema" in expand:
            tail += b',"schema":' + msgspec.json.encode(self.schema())
        return replace(self, tail=tail)

    def names(self) -> dict[str, str]:
        """The ``names`` expansion: field ids to names, for the fields selected."""
        return {
            field.id: field.name for field in self.site.fields.values() if self.selection.holds(field.id, self.site)
        }

    def schema(self) -> dict[str, Json]:
        """The ``schema`` expansion."""
        fields = self.site.fields.values()
        return {
            field.id: field.schema for field in fields if field.schema and self.selection.holds(field.id, self.site)
        }

    def _fields(self, issue: Issue) -> list[bytes]:
        if self.selection.whole:
            stored = issue.fields
            separator = b"" if stored == b"{}" else b","
            return [
                stored[:-1],
                separator,
                b'"comment":',
                self._comments(issue),
                b',"worklog":',
                self._worklogs(issue),
                b"}",
            ]
        chosen = {name: value for name, value in split(issue.fields).items() if self.selection.holds(name, self.site)}
        for name in _COLLECTIONS:
            if self.selection.holds(name, self.site):
                text = self._comments(issue) if name == "comment" else self._worklogs(issue)
                chosen[name] = msgspec.Raw(text)
        return [msgspec.json.encode(chosen)]

    def _comments(self, issue: Issue) -> bytes:
        shown = issue.comments[: self.limits.embedded_comments]
        return b'{"comments":[%b],"self":"%b/rest/api/3/issue/%d/comment","maxResults":%d,"total":%d,"startAt":0}' % (
            _joined(shown),
            _BASE,
            issue.id,
            len(shown),
            len(issue.comments),
        )

    def _worklogs(self, issue: Issue) -> bytes:
        size = self.limits.embedded_worklogs
        shown = issue.worklogs[:size]
        return b'{"startAt":0,"maxResults":%d,"total":%d,"worklogs":[%b]}' % (size, len(issue.worklogs), _joined(shown))

    def _changelog(self, issue: Issue) -> bytes:
        shown = issue.histories[-self.histories :][::-1]
        return b'{"startAt":0,"maxResults":%d,"total":%d,"histories":[%b]}' % (
            len(shown),
            len(issue.histories),
            _joined(shown),
        )


def _joined(entries: list[Entry]) -> bytes:
    return b",".join([entry.body for entry in entries])


def _spoil(text: bytes, fault: FaultKind) -> bytes:
    if fault is FaultKind.BROKEN_JSON:
        return text[: len(text) // 2]
    if fault is FaultKind.STRANGE_ZONE:
        before, name, after = text.partition(b'"updated":"')
        return before + name + after[:23] + b" Mars/Olympus" + after[28:] if name else text
    return text
