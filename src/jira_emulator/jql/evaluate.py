"""A syntax tree held against one site: which issues can match, and what the matching ones satisfy."""

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from jira_emulator.jql.dates import MINUTE, read_date
from jira_emulator.jql.match import MEMBERSHIP, NEGATIVE, RELATIONS, Match, Predicate, Reader, operands
from jira_emulator.jql.scope import Scope
from jira_emulator.jql.tree import And, Clause, Condition, Empty, JqlError, Operator
from jira_emulator.model import Issue
from jira_emulator.site import Site
from jira_emulator.wire import read_id

_COMPARE: dict[Operator, Callable[[int, int], bool]] = {
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUALS: operator.ge,
    Operator.LESS: operator.lt,
    Operator.LESS_EQUALS: operator.le,
}


class _Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


def evaluate(condition: Condition | None, reader: Reader, *, archived: bool = False) -> Match:
    """Make a condition ready to be matched against the site's issues.

    Args:
        condition: The query's restriction.
        reader: Who asks, where and when.
        archived: Whether issues of archived projects may match.

    Raises:
        JqlError: A field, value or operator cannot be used; in Jira's words.
    """
    projects = {project.id for project in reader.site.projects.values() if archived or not project.archived}
    match = Match(Scope(reader.site, projects))
    for clause in _clauses(condition):
        compiler = _FIELDS.get(clause.field.lower())
        if compiler is None:
            raise JqlError(f"Field '{clause.field}' does not exist or you do not have permission to view it.")
        compiler(clause, reader, match)
    return match


def _clauses(condition: Condition | None) -> Iterator[Clause]:
    waiting = [] if condition is None else [condition]
    while waiting:
        found = waiting.pop()
        if isinstance(found, And):
            waiting.extend(reversed(found.parts))
        else:
            yield found


def _resolve(clause: Clause, find: Callable[[str], Iterable[str]]) -> set[str | None]:
    """The ids the clause names; ``None`` stands for EMPTY."""
    wanted: set[str | None] = set()
    for value in operands(clause, MEMBERSHIP):
        if isinstance(value, Empty):
            wanted.add(None)
            continue
        found = tuple(find(value.text))
        if not found:
            raise JqlError(f"The value '{value.text}' does not exist for the field '{clause.field}'.")
        wanted.update(found)
    return wanted


def _named(resources: Iterable[_Named], text: str) -> Iterator[str]:
    wanted = text.casefold()
    return (resource.id for resource in resources if resource.id == text or resource.name.casefold() == wanted)


def _membership(read: Callable[[Issue], str | None], wanted: set[str | None], negative: bool) -> Predicate:
    if not negative:
        return lambda issue: read(issue) in wanted
    unwanted = wanted | {None}
    return lambda issue: read(issue) not in unwanted


def _project(clause: Clause, reader: Reader, match: Match) -> None:
    def find(text: str) -> Iterator[str]:
        by_key = (project.id for project in reader.site.projects.values() if project.key.upper() == text.upper())
        return iter({*by_key, *_named(reader.site.projects.values(), text)})

    wanted = _resolve(clause, find)
    if clause.operator in NEGATIVE:
        match.scope.projects = {project for project in match.scope.projects if project not in wanted}
    else:
        match.scope.projects = {project for project in match.scope.projects if project in wanted}


def _issue_type(clause: Clause, reader: Reader, match: Match) -> None:
    wanted = _resolve(clause, partial(_named, reader.site.issue_types.values()))
    match.predicates.append(
        _membership(operator.attrgetter("issue_type_id"), wanted, clause.operator in NEGATIVE),
    )


def _status(clause: Clause, reader: Reader, match: Match) -> None:
    wanted = _resolve(clause, partial(_named, reader.site.statuses.values()))
    match.predicates.append(_membership(operator.attrgetter("status_id"), wanted, clause.operator in NEGATIVE))


def _assignee(clause: Clause, reader: Reader, match: Match) -> None:
    def find(text: str) -> Iterator[str]:
        wanted = text.casefold()
        return (
            user.account_id
            for user in reader.site.users.values()
            if wanted in (user.account_id.casefold(), user.display_name.casefold(), (user.email or "").casefold())
        )

    wanted = _resolve(clause, find)
    match.predicates.append(_membership(operator.attrgetter("assignee"), wanted, clause.operator in NEGATIVE))


def _key(clause: Clause, reader: Reader, match: Match) -> None:
    if clause.operator in RELATIONS:
        _key_relation(clause, reader.site, match)
        return
    found: set[int] = set()
    for value in operands(clause, MEMBERSHIP):
        if isinstance(value, Empty):
            continue
        issue = reader.site.find_issue(value.text)
        if issue is None:
            raise JqlError(_missing_issue(value.text, clause.field))
        found.add(issue.id)
    if clause.operator not in NEGATIVE:
        match.scope.choose(found)
    elif found:
        match.predicates.append(lambda issue: issue.id not in found)


def _missing_issue(text: str, field: str) -> str:
    if text.isdecimal():
        return f"A value with ID '{text}' does not exist for the field '{field}'."
    return f"An issue with key '{text}' does not exist for field '{field}'."


def _key_relation(clause: Clause, site: Site, match: Match) -> None:
    """``id > N`` bounds the scope; ``key > ABC-5`` compares numbers inside project ABC."""
    (value,) = operands(clause, RELATIONS)
    text = str(value)
    scope = match.scope
    bound = read_id(text)
    if bound is not None:
        if clause.operator in (Operator.GREATER, Operator.GREATER_EQUALS):
            scope.low = max(scope.low, bound + (clause.operator is Operator.GREATER))
        else:
            scope.high = min(scope.high, bound - (clause.operator is Operator.LESS))
        return
    key, _, number = text.rpartition("-")
    wanted = read_id(number)
    project = site.find_project(key)
    if project is None or wanted is None:
        raise JqlError(_missing_issue(text, clause.field))
    scope.projects &= {project.id}
    compare = _COMPARE[clause.operator]
    match.predicates.append(lambda issue: compare(key_number(issue.key), wanted))


def key_number(key: str) -> int:
    """The number in an issue key."""
    return int(key.rpartition("-")[2])


def _date(attribute: str, clause: Clause, reader: Reader, match: Match) -> None:
    """Relations compare exact instants with the literal's first millisecond; equality holds for its whole minute."""
    read: Callable[[Issue], int] = operator.attrgetter(attribute)
    instants = [
        None if isinstance(value, Empty) else read_date(value.text, clause.field, reader.zone, reader.now)
        for value in operands(clause, MEMBERSHIP | RELATIONS)
    ]
    compare = _COMPARE.get(clause.operator)
    if compare is None:
        minutes = {instant // MINUTE for instant in instants if instant is not None}
        if clause.operator in NEGATIVE:
            match.predicates.append(lambda issue: read(issue) // MINUTE not in minutes)
        else:
            match.predicates.append(lambda issue: read(issue) // MINUTE in minutes)
        return
    bound = instants[0]
    if bound is None:
        raise JqlError(f"Operator '{clause.operator}' does not support the EMPTY value for field '{clause.field}'.")
    match.predicates.append(lambda issue: compare(read(issue), bound))


_FIELDS: dict[str, Callable[[Clause, Reader, Match], None]] = {
    "project": _project,
    "id": _key,
    "key": _key,
    "issue": _key,
    "issuekey": _key,
    "workitem": _key,
    "workitemkey": _key,
    "issuetype": _issue_type,
    "type": _issue_type,
    "worktype": _issue_type,
    "status": _status,
    "assignee": _assignee,
    "created": partial(_date, "created"),
    "createddate": partial(_date, "created"),
    "updated": partial(_date, "updated"),
    "updateddate": partial(_date, "updated"),
}
