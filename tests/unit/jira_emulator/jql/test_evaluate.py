"""Which issues a query finds, in which order, and what it cannot ask."""

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jira_emulator.jql.dates import read_date
from jira_emulator.jql.evaluate import evaluate
from jira_emulator.jql.match import Match, Reader
from jira_emulator.jql.order import Position, compile_order
from jira_emulator.jql.parser import parse
from jira_emulator.jql.tree import JqlError
from jira_emulator.model import Issue, IssueType, Project, Status, User
from jira_emulator.site import Site

ZONE = ZoneInfo("America/New_York")
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
MINUTE = 60_000


@pytest.fixture(scope="module")
def site() -> Site:
    """Ten issues of A (101..110) and three of B (111..113), a minute apart before NOW."""
    made = Site()
    made.users["u1"] = User("u1", "Zoe", "zoe@example.com")
    made.users["u2"] = User("u2", "Abe")
    made.issue_types = {"1": IssueType("1", "Bug"), "2": IssueType("2", "Story")}
    made.statuses = {"1": Status("1", "To Do", 2), "2": Status("2", "Done", 3)}
    made.projects = {"10": Project("10", "A", "First project"), "11": Project("11", "B", "Second")}
    for number in range(13):
        in_a = number < 10
        made.put_issue(
            Issue(
                id=101 + number,
                key=f"A-{number + 1}" if in_a else f"B-{number - 9}",
                project_id="10" if in_a else "11",
                issue_type_id="1" if number % 2 else "2",
                status_id="2" if number % 3 == 0 else "1",
                assignee=("u1", "u2", None)[number % 3],
                created=NOW - (13 - number) * MINUTE,
                updated=NOW - (number % 5) * MINUTE - 30_000,
                fields=b"{}",
            )
        )
    return made


def run(site: Site, jql: str) -> list[int]:
    """Ids of the whole answer."""
    query = parse(jql)
    match = prepare(site, jql)
    issues, position = compile_order(query.order, site).page(match, None, 1_000)
    assert position is None
    assert match.count() == len(issues)
    return [issue.id for issue in issues]


def prepare(site: Site, jql: str) -> Match:
    return evaluate(parse(jql).where, Reader(site, ZONE, NOW))


ALL = list(range(101, 114))


@pytest.mark.parametrize(
    ("jql", "ids"),
    [
        ("project = A", ALL[:10]),
        ("project = a", ALL[:10]),
        ("project = '10'", ALL[:10]),
        ("project = 'first PROJECT'", ALL[:10]),
        ("project in (A, B)", ALL),
        ("project != A", ALL[10:]),
        ("project NOT IN (A, B)", []),
        ("project = A AND project = B", []),
        ("project IS EMPTY", []),
        ("project IS NOT EMPTY", ALL),
        ("id > 105 AND id <= 107", [106, 107]),
        ("id >= 113", [113]),
        ("id < 102", [101]),
        ("id > 99999999999999999", []),
        ("id = 103", [103]),
        ("issuekey in (A-1, b-2, 105)", [101, 105, 112]),
        ("key in (A-1, B-1) AND project = B", [111]),
        ("key in (A-1, A-2) AND id in (A-2, A-3)", [102]),
        ("issue = A-1", [101]),
        ("key != A-1 AND project = A", ALL[1:10]),
        ("key not in (A-1, A-2) AND project = A", ALL[2:10]),
        ("key IS EMPTY", []),
        ("key IS NOT EMPTY", ALL),
        ("key > A-8", [109, 110]),
        ("key <= B-2", [111, 112]),
        ("type = bug AND project = B", [112]),
        ("issuetype in (Bug, '2') AND project = B", ALL[10:]),
        ("issuetype != Bug AND project = B", [111, 113]),
        ("status = done", [101, 104, 107, 110, 113]),
        ("status NOT IN (Done)", [number for number in ALL if number not in (101, 104, 107, 110, 113)]),
        ("assignee = u1", [101, 104, 107, 110, 113]),
        ("assignee = ZOE", [101, 104, 107, 110, 113]),
        ("assignee = 'zoe@example.com'", [101, 104, 107, 110, 113]),
        ("assignee = EMPTY", [103, 106, 109, 112]),
        ("assignee is null", [103, 106, 109, 112]),
        ("assignee != u1", [102, 105, 108, 111]),
        ("assignee is not EMPTY AND assignee != u2", [101, 104, 107, 110, 113]),
        ("assignee in (EMPTY, u2) AND project = B", [111, 112]),
        ("created >= -3m", [111, 112, 113]),
        ("created > '2025-12-31 18:57'", [112, 113]),
        ("created >= '2025/12/31 18:57'", [111, 112, 113]),
        ("created < '2025-12-31 18:48'", [101]),
        ("created = '2025-12-31 18:59'", [113]),
        ("created in ('2025-12-31 18:59', '2025-12-31 18:58')", [112, 113]),
        ("created != '2025-12-31 18:59' AND project = B", [111, 112]),
        ("created <= '2025-12-31'", []),
        ("updated = '2025-12-31 18:59' AND project = A", [101, 106]),
        ("updated > '2025-12-31 18:59' AND project = A", [101, 106]),
        ("createdDate > 1767225540000", []),
        ("created >= 1767225540000", [113]),
    ],
)
def test_what_a_query_finds(site: Site, jql: str, ids: list[int]) -> None:
    assert run(site, f"{jql} ORDER BY id") == ids


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("", [113, 112, 111, 110]),
        ("ORDER BY id DESC, key", [113, 112, 111, 110]),
        ("ORDER BY key", [110, 111, 112, 113]),
        ("ORDER BY project DESC, id DESC", [113, 112, 111, 110]),
        ("ORDER BY project DESC, key", [111, 112, 113, 110]),
        ("ORDER BY created", [113, 112, 111, 110]),
        ("ORDER BY created ASC", [110, 111, 112, 113]),
        ("ORDER BY assignee, id", [111, 110, 113, 112]),
        ("ORDER BY assignee DESC", [112, 110, 113, 111]),
        ("ORDER BY status, type DESC", [113, 110, 111, 112]),
        ("ORDER BY updated", [111, 112, 113, 110]),
    ],
)
def test_orders(site: Site, order: str, ids: list[int]) -> None:
    assert run(site, f"id >= 110 {order}") == ids


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["id", "key", "project", "type", "status", "assignee", "created", "updated"]),
            st.sampled_from(["", " ASC", " DESC"]),
        ),
        max_size=4,
    ),
    st.integers(1, 14),
)
def test_pages_in_any_order_are_the_whole_in_pieces(site: Site, terms: list[tuple[str, str]], size: int) -> None:
    jql = "project in (A, B)"
    if terms:
        jql += " ORDER BY " + ", ".join(name + direction for name, direction in terms)
    order = compile_order(parse(jql).order, site)
    found: list[int] = []
    after: Position | None = None
    while True:
        issues, after = order.page(prepare(site, jql), after, size)
        assert len(issues) == size or after is None
        found += [issue.id for issue in issues]
        if after is None:
            break
    assert found == run(site, jql)
    windows = [issue.id for start in range(0, 13, size) for issue in order.window(prepare(site, jql), start, size)]
    assert windows == found


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("status in (Done, Nope)", "The value 'Nope' does not exist for the field 'status'."),
        ("type = Nope", "The value 'Nope' does not exist for the field 'type'."),
        ("assignee = nobody", "The value 'nobody' does not exist for the field 'assignee'."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("cf[10010] = red", "Field 'cf[10010]' does not exist or you do not have permission to view it."),
        ("id > 1 ORDER BY colour", "Field 'colour' does not exist or you do not have permission to view it."),
        ("key = A-99", "An issue with key 'A-99' does not exist for field 'key'."),
        ("id = 99", "A value with ID '99' does not exist for the field 'id'."),
        ("key > NOPE-1", "An issue with key 'NOPE-1' does not exist for field 'key'."),
        ("project > A", "The operator '>' is not supported by the 'project' field."),
        ("key ~ A", "The operator '~' is not supported by the 'key' field."),
        ("assignee = currentUser()", "Unable to find JQL function 'currentUser()'."),
        ("assignee in membersOf('a', b)", "Unable to find JQL function 'membersOf(a, b)'."),
        ("created > startOfDay('-1d')", "Unable to find JQL function 'startOfDay(-1d)'."),
        ("project = (A, B)", "Operator '=' does not support the list value '(\"A\", \"B\")' for field 'project'."),
        ("project in A", "Operator 'in' does not support the non-list value '\"A\"' for field 'project'."),
        ("created > EMPTY", "Operator '>' does not support the EMPTY value for field 'created'."),
        (
            "created > soon",
            "Date value 'soon' for field 'created' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
        ),
    ],
)
def test_what_cannot_be_asked_is_said_in_jiras_words(site: Site, jql: str, message: str) -> None:
    with pytest.raises(JqlError) as caught:
        run(site, jql)
    assert str(caught.value) == message


@given(st.from_regex(r"(project|id|key|created|assignee) (=|!=|>|in) \(?[\w'/: -]{0,12}\)?", fullmatch=True))
def test_no_query_fails_in_another_way_than_a_jql_error(site: Site, jql: str) -> None:
    with suppress(JqlError):
        assert set(run(site, jql + " ORDER BY id")) <= set(ALL)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("-5m", NOW - 5 * MINUTE),
        ("-5", NOW - 5 * MINUTE),
        ("5", NOW + 5 * MINUTE),
        ("+1h", NOW + 60 * MINUTE),
        ("-1w 2d", NOW - 9 * 24 * 60 * MINUTE),
        ("4w2d", NOW + 30 * 24 * 60 * MINUTE),
        ("1767225600000", NOW),
        ("2025-12-31 19:00", NOW),
        ("2025/12/31 19:00", NOW),
        ("2025/12/31", NOW - 19 * 60 * MINUTE),
    ],
)
def test_dates(text: str, instant: int) -> None:
    assert read_date(text, "created", ZONE, NOW) == instant


@pytest.mark.parametrize(
    "text", ["", "2025-13-01", "2025-01/01", "0000-01-01", "2025-01-01 25:00", "1x", "-", "5d ago"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(JqlError, match="is invalid"):
        read_date(text, "created", ZONE, NOW)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.sampled_from(["Asia/Tokyo", "Europe/Prague"]))
def test_a_date_is_the_first_moment_of_its_minute_in_the_callers_zone(moment: datetime, zone: str) -> None:
    instant = read_date(f"{moment:%Y-%m-%d %H:%M}", "created", ZoneInfo(zone), NOW)
    expected = moment.replace(second=0, microsecond=0, tzinfo=ZoneInfo(zone))
    assert instant == expected.timestamp() * 1_000
