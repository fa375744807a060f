"""The syntax tree of a JQL query, and the errors a query can have."""

from dataclasses import dataclass
from enum import StrEnum


class JqlError(ValueError):
    """A query that names something the site does not have or uses it in a way it cannot be used."""


class JqlSyntaxError(JqlError):
    """A text that is not JQL."""


class Operator(StrEnum):
    """The operators of a clause, in the spelling Jira's messages use."""

    EQUALS = "="
    NOT_EQUALS = "!="
    GREATER = ">"
    GREATER_EQUALS = ">="
    LESS = "<"
    LESS_EQUALS = "<="
    LIKE = "~"
    NOT_LIKE = "!~"
    IN = "in"
    NOT_IN = "not in"
    IS = "is"
    IS_NOT = "is not"


@dataclass(frozen=True, slots=True)
class Literal:
    """A word, a number or a quoted string, without its quotes and escapes."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Empty:
    """``EMPTY`` or ``NULL``."""

    def __str__(self) -> str:
        return "EMPTY"


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function with its arguments."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


Value = Literal | Empty | FunctionCall


@dataclass(frozen=True, slots=True)
class ValueList:
    """A list in parentheses."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return "(" + ", ".join(f'"{value}"' for value in self.values) + ")"


@dataclass(frozen=True, slots=True)
class Clause:
    """``field operator operand``."""

    field: str
    operator: Operator
    operand: Value | ValueList


@dataclass(frozen=True, slots=True)
class And:
    """Conditions that must all hold; at least two."""

    parts: tuple["Condition", ...]


Condition = Clause | And


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One field of ORDER BY; ``descending`` is ``None`` where the query leaves the direction to the field."""

    field: str
    descending: bool | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. ``where`` is ``None`` for a query without restriction."""

    where: Condition | None = None
    order: tuple[SortTerm, ...] = ()
