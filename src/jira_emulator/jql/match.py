"""What compiling a clause works on: who asks, what has been found out so far, and the checks all clauses share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from jira_emulator.jql.scope import Scope
from jira_emulator.jql.tree import Clause, Empty, FunctionCall, JqlError, Literal, Operator, Value, ValueList
from jira_emulator.model import Issue
from jira_emulator.site import Site

Predicate = Callable[[Issue], bool]

MEMBERSHIP = frozenset(
    {Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN, Operator.IS, Operator.IS_NOT}
)
RELATIONS = frozenset({Operator.GREATER, Operator.GREATER_EQUALS, Operator.LESS, Operator.LESS_EQUALS})
NEGATIVE = frozenset({Operator.NOT_EQUALS, Operator.NOT_IN, Operator.IS_NOT})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the site, the zone in which the caller's dates are read, and the time of asking."""

    site: Site
    zone: ZoneInfo
    now: int


@dataclass(slots=True)
class Match:
    """A condition made ready: the scope that bounds it, and what is left to test on each issue of the scope."""

    scope: Scope
    predicates: list[Predicate] = field(default_factory=list)

    def select(self, issues: Iterable[Issue]) -> Iterable[Issue]:
        """Those issues of the scope that satisfy the rest of the condition."""
        for predicate in self.predicates:
            issues = filter(predicate, issues)
        return issues

    def count(self) -> int:
        """How many issues satisfy the condition."""
        if not self.predicates:
            return self.scope.count()
        return sum(1 for _ in self.select(self.scope.ascending()))


def operands(clause: Clause, allowed: frozenset[Operator]) -> tuple[Literal | Empty, ...]:
    """The clause's values, once operator, form of the operand and functions have been checked.

    Raises:
        JqlError: The field does not take the operator, the operator not the operand, or a function is not known.
    """
    if clause.operator not in allowed:
        raise JqlError(f"The operator '{clause.operator}' is not supported by the '{clause.field}' field.")
    operand = clause.operand
    if isinstance(operand, ValueList):
        if clause.operator not in _LISTS:
            raise JqlError(
                f"Operator '{clause.operator}' does not support the list value '{operand}' for field '{clause.field}'."
            )
        return tuple(_plain(value) for value in operand.values)
    value = _plain(operand)
    if clause.operator in _LISTS:
        raise JqlError(
            f"Operator '{clause.operator}' does not support the non-list value '\"{value}\"' for field "
            f"'{clause.field}'."
        )
    return (value,)


def _plain(value: Value) -> Literal | Empty:
    if isinstance(value, FunctionCall):
        raise JqlError(f"Unable to find JQL function '{value}'.")
    return value
