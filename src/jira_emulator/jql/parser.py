"""JQL text to syntax tree, with Jira's own words for what is wrong with a text."""

import re
from functools import cache
from importlib import resources
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from jira_emulator.jql.tree import (
    And,
    Clause,
    Condition,
    Empty,
    FunctionCall,
    JqlSyntaxError,
    Literal,
    Operator,
    Query,
    SortTerm,
    Value,
    ValueList,
)

_KEYWORDS = {
    "and": "_AND",
    "or": "OR",
    "not": "NOT",
    "in": "IN",
    "is": "IS",
    "empty": "EMPTY",
    "null": "EMPTY",
    "order": "_ORDER",
    "by": "_BY",
    "asc": "ASC",
    "desc": "DESC",
}

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\", '"': '"', "'": "'", " ": " "}
_OPERATORS = "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."


def parse(text: str) -> Query:
    """Read a JQL query.

    Raises:
        JqlSyntaxError: The text is not JQL, or uses a part of JQL this site does not know; in Jira's words.
    """
    try:
        # With a transformer the parser answers what the start rule builds, which its type does not tell.
        return cast("Query", _grammar().parse(text))
    except UnexpectedToken as error:
        raise JqlSyntaxError(_explain(error)) from error
    except UnexpectedCharacters as error:
        raise JqlSyntaxError(_explain_character(text, error)) from error


@cache
def _reserved() -> frozenset[str]:
    """Atlassian's list of reserved words, less the keywords above."""
    return frozenset((resources.files(__package__) / "reserved_words.txt").read_text(encoding="utf-8").split())


def _classify(token: Token) -> Token:
    word = token.lower()
    kind = _KEYWORDS.get(word) or ("RESERVED" if word in _reserved() else None)
    return token if kind is None else Token.new_borrow_pos(kind, token.value, token)


def _text(token: Token) -> str:
    if token.type != "STRING":
        return str(token)

    def character(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            message = (
                f"Error in the JQL Query: '\\{escape}' is an illegal JQL escape sequence. The valid escape sequences "
                f"are \\', \\\", \\t, \\n, \\r, \\\\, '\\ ' and \\uXXXX. {_place(token)}"
            )
            raise JqlSyntaxError(message)
        return _ESCAPES[escape]

    text = _ESCAPE.sub(character, token[1:-1])
    # Two escapes can make one character; half of a surrogate pair is none.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@v_args(inline=True)
class _Builder(Transformer[Token, Query]):
    """Turns lark's tree into ours, from the leaves up."""

    def query(self, *parts: Condition | tuple[SortTerm, ...]) -> Query:
        where = next((part for part in parts if not isinstance(part, tuple)), None)
        order = next((part for part in parts if isinstance(part, tuple)), ())
        return Query(where, order)

    def condition(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else And(parts)

    def comparison(self, field: str, operator: Token, operand: Value | ValueList) -> Clause:
        return Clause(field, Operator(str(operator)), operand)

    def membership(self, field: str, _in: Token, operand: Value | ValueList) -> Clause:
        return Clause(field, Operator.IN, operand)

    def exclusion(self, field: str, _not: Token, _in: Token, operand: Value | ValueList) -> Clause:
        return Clause(field, Operator.NOT_IN, operand)

    def emptiness(self, field: str, _is: Token, _empty: Token) -> Clause:
        return Clause(field, Operator.IS, Empty())

    def presence(self, field: str, _is: Token, _not: Token, _empty: Token) -> Clause:
        return Clause(field, Operator.IS_NOT, Empty())

    def list(self, *values: Value) -> ValueList:
        return ValueList(values)

    def literal(self, token: Token) -> Literal:
        return Literal(_text(token))

    def empty(self, _token: Token) -> Empty:
        return Empty()

    def function(self, name: Token, *arguments: Token | None) -> FunctionCall:
        return FunctionCall(str(name), tuple(_text(argument) for argument in arguments if argument is not None))

    def field(self, token: Token) -> str:
        return _text(token)

    def order(self, *terms: SortTerm) -> tuple[SortTerm, ...]:
        return terms

    def sort(self, field: str, descending: bool | None = None) -> SortTerm:
        return SortTerm(field, descending)

    def direction(self, token: Token) -> bool:
        return token.type == "DESC"


@cache
def _grammar() -> Lark:
    source = (resources.files(__package__) / "grammar.lark").read_text(encoding="utf-8")
    return Lark(
        source, start="query", parser="lalr", lexer="basic", lexer_callbacks={"WORD": _classify}, transformer=_Builder()
    )


def _place(token: Token) -> str:
    return f"(line {token.line}, character {token.column})"


def _explain(error: UnexpectedToken) -> str:
    """Jira's sentence for a word in the wrong place; what could have stood there tells which place it is."""
    token = error.token
    expected: set[str] = error.accepts
    if token.type == "RESERVED" and expected & {"WORD", "STRING"}:
        return (
            f"Error in the JQL Query: '{token}' is a reserved JQL word. You must surround it in quotation marks to use "
            f"it in a query. {_place(token)}"
        )
    at_end = token.type == "$END"
    got = f"but got '{token}'"
    place = "" if at_end else f" {_place(token)}"
    if "EMPTY" in expected and "WORD" in expected:
        prefix = "Error in JQL Query: Expecting either a value, list or function"
        if at_end:
            return f"{prefix} before the end of the query."
        return f"{prefix} {got}. You must surround '{token}' in quotation marks to use it as a value.{place}"
    return "Error in the JQL Query: " + _expectation(expected, token, at_end, got) + place


def _expectation(expected: set[str], token: Token, at_end: bool, got: str) -> str:
    if "COMPARISON" in expected:
        return (
            f"Expecting operator before the end of the query. {_OPERATORS}"
            if at_end
            else (f"Expecting operator {got}. {_OPERATORS}")
        )
    if at_end and "_RPAR" in expected:
        return "Expecting ')' before the end of the query."
    if "_AND" in expected or ("_ORDER" in expected and "WORD" not in expected):
        return f"Expecting 'AND' {got}." if token.type == "OR" else f"Expecting either 'OR' or 'AND' {got}."
    if "WORD" in expected:
        if at_end:
            return "Expecting a field name at the end of the query."
        return (
            f"Expecting a field name {got}. You must surround '{token}' in quotation marks to use it as a field name."
        )
    wanted = _wanted(expected)
    return f"Expecting {wanted} before the end of the query." if at_end else f"Expecting {wanted} {got}."


def _wanted(expected: set[str]) -> str:
    if "ASC" in expected:
        return "either 'ASC' or 'DESC'"
    if "EMPTY" in expected:
        return "either 'EMPTY' or 'NULL'"
    if "_COMMA" in expected and "_RPAR" in expected:
        return "either ',' or ')'"
    return "','" if "_COMMA" in expected else "'BY'" if "_BY" in expected else "'IN'"


def _explain_character(text: str, error: UnexpectedCharacters) -> str:
    place = f"(line {error.line}, character {error.column})"
    rest = text[error.pos_in_stream :]
    if rest[0] in "\"'":
        return f"Error in the JQL Query: The quoted string '{rest[1:]}' has not been completed. {place}"
    return (
        f"Error in the JQL Query: The character '{rest[0]}' is a reserved JQL character. You must enclose it in a "
        f"string or use the escape '\\u{ord(rest[0]):04x}' instead. {place}"
    )
