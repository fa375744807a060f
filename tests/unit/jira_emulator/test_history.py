"""Invented histories: whatever the issue, they lead to its present state, in order and in time."""

from itertools import count, pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from jira_emulator.history import Change, Present, synthesise, wire_shape
from jira_emulator.model import Resolution, Sprint, Status, User, Version

STATUSES = [
    Status("1", "Open", 2),
    Status("4", "Reopened", 2),
    Status("3", "In Progress", 4),
    Status("10003", "In Review", 4),
    Status("9", "Odd", 1),
    Status("5", "Resolved", 3),
    Status("6", "Closed", 3),
]
PEOPLE = [User(f"account-{n}", f"Person {n}") for n in range(4)]
RESOLUTIONS = [Resolution("1", "Fixed"), Resolution("2", "Duplicate")]
CREATED = 1_300_000_000_000


@st.composite
def presents(draw: st.DrawFn) -> Present:
    updated = CREATED + draw(st.integers(0, 10**11))
    workflow = draw(st.lists(st.sampled_from(STATUSES), unique_by=lambda status: status.id))
    return Present(
        draw(st.integers(1, 10**6)),
        CREATED,
        updated,
        draw(st.sampled_from(STATUSES)),
        workflow=workflow,
        resolution=draw(st.none() | st.sampled_from(RESOLUTIONS)),
        resolved=draw(st.none() | st.integers(CREATED, updated)),
        past_resolution=draw(st.none() | st.just(RESOLUTIONS[0])),
        assignee=draw(st.none() | st.sampled_from(PEOPLE)),
        people=draw(st.lists(st.sampled_from(PEOPLE), unique_by=lambda user: user.account_id)),
        sprints=[
            Sprint(n, 1, f"Sprint {n}", "closed", start=draw(st.none() | st.integers(0, 2 * CREATED)))
            for n in draw(st.lists(st.integers(1, 99), max_size=3, unique=True))
        ],
        fix_versions=[
            Version(str(n), "1", f"v{n}") for n in draw(st.lists(st.integers(1, 9), max_size=2, unique=True))
        ],
        parent=draw(st.none() | st.just(("77", "KEY-7"))),
    )


def made(present: Present, seed: int = 0) -> list[Change]:
    return synthesise(present, seed, count(500))


def steps(changes: list[Change], field: str) -> list[dict[str, object]]:
    return [item for change in changes for item in change.items if item["field"] == field]


@given(presents(), st.integers(0, 2**32))
def test_replaying_a_field_leads_to_the_present(present: Present, seed: int) -> None:
    changes = made(present, seed)
    resolution, assignee = present.resolution, present.assignee
    sprint_ids = ", ".join(str(sprint.id) for sprint in present.sprints)
    now: dict[str, object] = {
        "status": present.status.id,
        "resolution": resolution.id if resolution else None,
        "assignee": assignee.account_id if assignee else None,
        "Sprint": sprint_ids,
    }
    for field, value in now.items():
        items = steps(changes, field)
        assert all(before["to"] == after["from"] for before, after in pairwise(items))
        assert all(item["from"] != item["to"] for item in items)
        assert not items or items[-1]["to"] == value
    if resolution is not None:
        assert steps(changes, "resolution")[0]["from"] is None
    if present.sprints:
        assert steps(changes, "Sprint")[0]["from"] == ""


@given(presents(), st.integers(0, 2**32))
def test_every_part_of_the_present_that_was_set_later_has_a_change(present: Present, seed: int) -> None:
    changes = made(present, seed)
    assert len(steps(changes, "resolution")) >= (present.resolution is not None)
    assert len(steps(changes, "Sprint")) == len(present.sprints)
    assert {item["to"] for item in steps(changes, "Fix Version")} == {version.id for version in present.fix_versions}
    assert [(item["to"], item["toString"]) for item in steps(changes, "IssueParentAssociation")] == (
        [present.parent] if present.parent else []
    )
    new = [status for status in present.workflow if status.category_id == 2]
    items = steps(changes, "status")
    if new and present.status.id != new[0].id:
        assert items[0]["from"] == new[0].id


@given(presents(), st.integers(0, 2**32))
def test_changes_are_in_order_and_within_the_life_of_the_issue(present: Present, seed: int) -> None:
    changes = made(present, seed)
    assert [change.id for change in changes] == list(range(500, 500 + len(changes)))
    assert all(before.created <= after.created for before, after in pairwise(changes))
    assert all(present.created <= change.created <= present.updated for change in changes)
    assert all(change.author in present.people if present.people else change.author is None for change in changes)


@given(presents(), st.integers(0, 2**32))
def test_the_closing_transition_carries_the_resolution_at_its_date(present: Present, seed: int) -> None:
    changes = made(present, seed)
    closings = [
        change
        for change in changes
        for item in change.items
        if item["field"] == "status"
        and present.resolution
        and item["to"] in ("5", "6")
        and item["from"] not in ("5", "6")
    ]
    if present.status.category_id == 3 and closings:
        closing = closings[-1]
        assert steps([closing], "resolution")
        if present.resolved is not None:
            assert closing.created == present.resolved


@given(presents(), st.integers(0, 2**32))
def test_the_past_depends_on_seed_and_issue_alone(present: Present, seed: int) -> None:
    assert made(present, seed) == made(present, seed)


def test_another_seed_gives_another_past() -> None:
    present = Present(1, CREATED, CREATED + 10**10, STATUSES[-1], workflow=STATUSES, people=PEOPLE)
    assert len({repr(made(present, seed)) for seed in range(10)}) > 1


def test_field_ids_are_sometimes_absent() -> None:
    items = [
        item
        for issue_id in range(200)
        for item in steps(made(Present(issue_id, CREATED, CREATED + 9, STATUSES[-1], workflow=STATUSES)), "status")
    ]
    without = sum("fieldId" not in item for item in items)
    assert 0 < without < len(items) / 2


def test_the_wire_shape_is_jiras() -> None:
    item: dict[str, object] = {"field": "status", "fieldtype": "jira", "from": "1", "to": "3"}
    shape = wire_shape(Change(12, 1_337_155_573_005, PEOPLE[0], [item]), ZoneInfo("Europe/Berlin"))
    author = shape["author"]
    assert isinstance(author, dict)
    assert author["accountId"] == "account-0"
    assert (shape["id"], shape["created"], shape["items"]) == ("12", "2012-05-16T10:06:13.005+0200", [item])
    assert "author" not in wire_shape(Change(12, 0, None, [item]), ZoneInfo("UTC"))
