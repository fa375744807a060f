"""JQL texts and their trees, and Jira's words for texts that are none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jira_emulator.jql.parser import parse
from jira_emulator.jql.tree import (
    And,
    Clause,
    Condition,
    Empty,
    FunctionCall,
    JqlError,
    JqlSyntaxError,
    Literal,
    Operator,
    Query,
    SortTerm,
    Value,
    ValueList,
)

_LIST_OPERATORS = (Operator.IN, Operator.NOT_IN)
_VALUE_OPERATORS = tuple(set(Operator) - {*_LIST_OPERATORS, Operator.IS, Operator.IS_NOT})


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_value(value: Value | ValueList) -> str:
    if isinstance(value, ValueList):
        return "(" + ",".join(map(write_value, value.values)) + ")"
    if isinstance(value, FunctionCall):
        return f"{value.name}({', '.join(map(quoted, value.arguments))})"
    return "EMPTY" if isinstance(value, Empty) else quoted(value.text)


def write_condition(condition: Condition) -> str:
    if isinstance(condition, Clause):
        return f"{quoted(condition.field)} {condition.operator} {write_value(condition.operand)}"
    return " AND ".join(f"({write_condition(part)})" for part in condition.parts)


def write(query: Query) -> str:
    directions = {None: "", True: " DESC", False: " asc"}
    where = "" if query.where is None else write_condition(query.where)
    terms = ", ".join(quoted(term.field) + directions[term.descending] for term in query.order)
    return where + (f" ORDER BY {terms}" if terms else "")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.from_regex(r"[a-z]{6,8}", fullmatch=True).map("f".__add__)
values = st.one_of(
    st.builds(Literal, texts),
    st.just(Empty()),
    st.builds(FunctionCall, names, st.lists(texts, max_size=2).map(tuple)),
)
lists = st.builds(ValueList, st.lists(values, min_size=1, max_size=3).map(tuple))
clauses = st.one_of(
    st.builds(Clause, texts, st.sampled_from(_VALUE_OPERATORS), st.one_of(values, lists)),
    st.builds(Clause, texts, st.sampled_from(_LIST_OPERATORS), st.one_of(values, lists)),
    st.builds(Clause, texts, st.sampled_from((Operator.IS, Operator.IS_NOT)), st.just(Empty())),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    clauses, lambda inner: st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)), max_leaves=6
)
orders = st.lists(st.builds(SortTerm, texts, st.sampled_from((None, True, False))), max_size=3).map(tuple)
queries = st.builds(Query, st.none() | conditions, orders)


@given(queries)
def test_a_written_query_reads_back_as_itself(query: Query) -> None:
    assert parse(write(query)) == query


fragments = "project = != > ( ) , AND or NOT in is EMPTY ORDER BY DESC cf[1] 'a \" \\ status 5 -5m f() was [ @ add ~"
words = st.sampled_from(fragments.split())


@given(st.one_of(st.text(), st.lists(words).map(" ".join), st.lists(words).map("".join)))
def test_no_text_fails_in_another_way_than_a_syntax_error(text: str) -> None:
    with suppress(JqlSyntaxError):
        assert isinstance(parse(text), Query)


def test_words_numbers_and_quotes_are_the_same_to_a_value() -> None:
    assert parse("key = ABC-1") == parse("key = 'ABC-1'") == parse('"key" = "ABC-1"')
    assert parse("id>5") == Query(Clause("id", Operator.GREATER, Literal("5")))
    assert parse("created >= -5m").where == Clause("created", Operator.GREATER_EQUALS, Literal("-5m"))


def test_keywords_are_keywords_only_when_they_stand_alone() -> None:
    assert parse("android = inside").where == Clause("android", Operator.EQUALS, Literal("inside"))
    assert parse("x = 'AND'").where == Clause("x", Operator.EQUALS, Literal("AND"))
    assert parse("x IS NULL order by y desc") == Query(Clause("x", Operator.IS, Empty()), (SortTerm("y", True),))


def test_escapes_in_quotes() -> None:
    where = parse(r"""x = "a\"b\\c\n\u00e9\ud83d\ude00\ud800" """).where
    assert where == Clause("x", Operator.EQUALS, Literal('a"b\\c\né😀\ufffd'))


def test_parentheses_nest_deeply() -> None:
    depth = 3_000
    assert parse("(" * depth + "x = 1" + ")" * depth).where == Clause("x", Operator.EQUALS, Literal("1"))


PREFIX = "Error in the JQL Query: "
VALUE = "Error in JQL Query: Expecting either a value, list or function"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status = 1 AND", PREFIX + "Expecting a field name at the end of the query."),
        ("project = x ORDER BY", PREFIX + "Expecting a field name at the end of the query."),
        (
            "project = 'x",
            PREFIX + "The quoted string 'x' has not been completed. (line 1, character 11)",
        ),
        ("(project = x", PREFIX + "Expecting ')' before the end of the query."),
        ("project in (x", PREFIX + "Expecting ')' before the end of the query."),
        (
            "project = ABC status = 1",
            PREFIX + "Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 15)",
        ),
        ("project = ABC)", PREFIX + "Expecting either 'OR' or 'AND' but got ')'. (line 1, character 14)"),
        ("project = x OR status = 1", PREFIX + "Expecting 'AND' but got 'OR'. (line 1, character 13)"),
        (
            "project = x AND status =   =",
            VALUE + " but got '='. You must surround '=' in quotation marks to use it as a value. "
            "(line 1, character 28)",
        ),
        ("project =", VALUE + " before the end of the query."),
        (
            "  AND = 1",
            PREFIX + "Expecting a field name but got 'AND'. You must surround 'AND' in quotation marks to use it as a "
            "field name. (line 1, character 3)",
        ),
        (
            "NOT project = x",
            PREFIX + "Expecting a field name but got 'NOT'. You must surround 'NOT' in quotation marks to use it as a "
            "field name. (line 1, character 1)",
        ),
        (
            "x = select",
            PREFIX + "'select' is a reserved JQL word. You must surround it in quotation marks to use it in a query. "
            "(line 1, character 5)",
        ),
        (
            "x = a@b",
            PREFIX + "The character '@' is a reserved JQL character. You must enclose it in a string or use the "
            r"escape '\u0040' instead. (line 1, character 6)",
        ),
        ("x is y", PREFIX + "Expecting either 'EMPTY' or 'NULL' but got 'y'. (line 1, character 6)"),
        ("x in (1 2)", PREFIX + "Expecting either ',' or ')' but got '2'. (line 1, character 9)"),
        ("x not y", PREFIX + "Expecting 'IN' but got 'y'. (line 1, character 7)"),
        ("x = 1 ORDER y", PREFIX + "Expecting 'BY' but got 'y'. (line 1, character 13)"),
        ("x = 1 ORDER BY y z", PREFIX + "Expecting either 'ASC' or 'DESC' but got 'z'. (line 1, character 18)"),
        ("x = 1\nORDER BY y ASC z", PREFIX + "Expecting ',' but got 'z'. (line 2, character 16)"),
    ],
)
def test_what_is_wrong_is_said_in_jiras_words(text: str, message: str) -> None:
    with pytest.raises(JqlSyntaxError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["project", "project was x", "status changed"])
def test_an_operator_that_is_missing_or_not_known_is_asked_for(text: str) -> None:
    with pytest.raises(JqlError, match=r"Expecting operator .*The valid operators are '=', '!='"):
        parse(text)


def test_an_escape_that_is_none_is_named() -> None:
    with pytest.raises(JqlSyntaxError, match=r"'\\q' is an illegal JQL escape sequence"):
        parse(r'x = "\q"')
