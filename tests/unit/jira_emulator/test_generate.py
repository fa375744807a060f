"""The generated site as a whole: determinism, size, projects, people, sprints, exceptional issues."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jira_emulator.generate import REFERENCE, generate
from jira_emulator.model import Issue, User
from jira_emulator.site import Site

_DIGEST = """
import hashlib
from jira_emulator.generate import generate
from jira_emulator.site import Site
site = Site()
generate(site, issues=90, seed=4)
print(hashlib.sha256(repr(site).encode()).hexdigest())
"""


def made(issues: int, seed: int = 0, zone: str = "UTC") -> Site:
    site = Site(zone=ZoneInfo(zone))
    generate(site, issues=issues, seed=seed)
    return site


@pytest.fixture(scope="module")
def site() -> Site:
    return made(1_000)


def bodies(issue: Issue) -> list[bytes]:
    children = (*issue.comments, *issue.worklogs, *issue.histories)
    return [issue.fields, *(child.body for child in children)]


def test_same_arguments_give_equal_sites() -> None:
    assert made(150, 3) == made(150, 3)


def test_another_seed_gives_another_site() -> None:
    assert made(60, 1).issues != made(60, 2).issues


@pytest.mark.parametrize(("hash_seed", "zone"), [("1", "Asia/Tokyo"), ("77", "America/St_Johns")])
def test_content_does_not_depend_on_the_process(hash_seed: str, zone: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    answer = subprocess.run(
        [sys.executable, "-c", _DIGEST], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == hashlib.sha256(repr(made(90, 4)).encode()).hexdigest()


@given(issues=st.integers(0, 90), seed=st.integers(0, 2**40))
@settings(max_examples=25, deadline=None)
def test_any_size_and_seed_gives_a_sound_site(issues: int, seed: int) -> None:
    site = made(issues, seed)
    assert len(site.issues) == issues
    assert len({issue.key for issue in site.issues.values()}) == issues
    assert site.find_project("DEMO") is not None
    assert len(site.projects) >= 2
    for issue in site.issues.values():
        project = site.projects[issue.project_id]
        assert issue.key.startswith(f"{project.key}-")
        assert issue.status_id in project.workflow[issue.issue_type_id]
        assert issue.assignee is None or issue.assignee in site.users
        assert issue.created <= issue.updated <= REFERENCE
        for children in (issue.comments, issue.worklogs, issue.histories):
            assert [child.created for child in children] == sorted(child.created for child in children)
            assert all(issue.created <= child.created <= child.updated <= issue.updated for child in children)


def test_ids_are_unique_and_interleave_between_projects(site: Site) -> None:
    children = [
        child.id for issue in site.issues.values() for child in (*issue.comments, *issue.worklogs, *issue.histories)
    ]
    taken = [*site.issues, *children, *(tombstone.id for tombstone in site.deleted_worklogs)]
    assert len(taken) == len(set(taken))
    assert site.next_id() > max(taken)
    by_project = [site.issue_ids(project_id) for project_id in site.projects]
    spans = [(ids[0], ids[-1], len(ids)) for ids in by_project if ids]
    assert all(last - first > 1.3 * count for first, last, count in spans)
    ordered = sorted(site.issues.values(), key=lambda issue: issue.id)
    assert [issue.created for issue in ordered] == sorted(issue.created for issue in ordered)


def test_demo_is_the_largest_project_and_has_every_type(site: Site) -> None:
    sizes = Counter(site.projects[issue.project_id].key for issue in site.issues.values())
    assert sizes.most_common(1)[0][0] == "DEMO"
    assert len(sizes) == len(site.projects) > 3
    demo = site.find_project("DEMO")
    assert demo is not None
    assert demo.type_key == "software"
    types = {
        site.issue_types[issue.issue_type_id].name for issue in site.issues.values() if issue.project_id == demo.id
    }
    assert types == {"Epic", "Story", "Task", "Bug", "Sub-task"}
    assert {project.type_key for project in site.projects.values()} == {"software", "service_desk", "business"}


def test_five_issues_already_show_every_type_of_demo() -> None:
    site = made(5)
    assert len({issue.issue_type_id for issue in site.issues.values()}) == 5


def test_statuses_of_every_category_are_in_use(site: Site) -> None:
    categories = {site.statuses[issue.status_id].category_id for issue in site.issues.values()}
    assert categories == {1, 2, 3, 4}
    flows = {tuple(flow) for project in site.projects.values() for flow in project.workflow.values()}
    assert len(flows) >= 5


def test_every_json_text_parses(site: Site) -> None:
    for issue in site.issues.values():
        assert all(isinstance(json.loads(body), dict) for body in bodies(issue))


def test_scrum_boards_have_closed_one_active_and_future_sprints(site: Site) -> None:
    for board in site.boards.values():
        sprints = [sprint for sprint in site.sprints.values() if sprint.board_id == board.id]
        if board.type == "kanban":
            assert not sprints
            continue
        states = Counter(sprint.state for sprint in sprints)
        assert states["closed"] >= 3
        assert (states["active"], states["future"]) == (1, 2)
        for sprint in sprints:
            assert (sprint.complete is not None) == (sprint.state == "closed")
            if sprint.state != "future":
                assert sprint.start is not None
                assert sprint.start <= REFERENCE


def test_people_are_of_many_kinds(site: Site) -> None:
    users = site.users.values()
    assert site.users[site.account_id].time_zone != site.zone.key
    assert {user.account_type for user in users} == {"atlassian", "app", "customer"}
    assert len({user.time_zone for user in users}) > 5
    assert {True, False} == {user.active for user in users}
    assert any(user.email is None for user in users)
    assert all(user.email is None or user.email.endswith("@example.com") for user in users)
    assert len(made(3_000).users) > len(users)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
def test_the_caller_lives_elsewhere_than_the_site(zone: str) -> None:
    site = made(1, zone=zone)
    assert site.users[site.account_id].time_zone != zone


def test_a_known_caller_stays_and_a_new_one_gets_the_wanted_zone() -> None:
    known = Site(users={"emulator-admin": User("emulator-admin", "Ada Vell", "ada@example.com")})
    generate(known, issues=3)
    assert known.users["emulator-admin"] == User("emulator-admin", "Ada Vell", "ada@example.com")
    fresh = Site()
    generate(fresh, issues=3, caller_time_zone="Asia/Tokyo")
    assert fresh.users["emulator-admin"].time_zone == "Asia/Tokyo"


def test_times_are_counted_back_from_the_reference() -> None:
    earlier = REFERENCE - 400 * 86_400_000
    site = Site()
    generate(site, issues=80, reference=earlier)
    latest = max(issue.updated for issue in site.issues.values())
    assert earlier - 3 * 86_400_000 < latest <= earlier


def test_existing_content_stays_and_shared_names_are_reused(site: Site) -> None:
    with pytest.raises(ValueError, match="already has a project DEMO"):
        generate(site, issues=10)
    with pytest.raises(ValueError, match="negative"):
        generate(Site(), issues=-1)
    names = Counter(status.name for status in site.statuses.values())
    assert set(names.values()) == {1}


class TestExceptionalIssues:
    def test_sizes_at_a_thousand_issues(self, site: Site) -> None:
        issues = site.issues.values()
        assert sum(len(issue.fields) > 3_000_000 for issue in issues) == 1
        assert sorted(len(issue.comments) for issue in issues)[-2:][1] == 5_000
        assert sorted(len(issue.histories) for issue in issues)[-1] >= 2_000
        assert sorted(len(issue.histories) for issue in issues)[-2] < 1_000

    def test_sizes_shrink_with_the_site(self) -> None:
        issues = made(100, 5).issues.values()
        assert 300_000 < max(len(issue.fields) for issue in issues) < 400_000
        assert max(len(issue.comments) for issue in issues) == 500
        assert max(len(issue.histories) for issue in issues) >= 200

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("count", [50, 130])
    def test_strange_characters_are_present(self, count: int, seed: int) -> None:
        issues = made(count, seed).issues.values()
        nul = rb"\u0000"
        fields = [json.loads(issue.fields) for issue in issues]
        assert sum("\x00" in field["summary"] for field in fields) == 1
        assert sum("\\u0000" in json.dumps(field["description"]) for field in fields) == 1
        assert sum(any(nul in comment.body for comment in issue.comments) for issue in issues) == 1
        assert sum(rb"\ud800" in issue.fields for issue in issues) == 1
        assert sum("\ud800" in json.dumps(field["description"], ensure_ascii=False) for field in fields) == 1

    @pytest.mark.parametrize("seed", range(5))
    def test_empty_and_orphaned_values_are_present(self, seed: int) -> None:
        site = made(50, seed)
        fields = [json.loads(issue.fields) for issue in site.issues.values()]
        assert sum(field["priority"] is None for field in fields) == 1
        assert any(field["description"] is None for field in fields)
        assert sum(field["description"] == {"type": "doc", "version": 1, "content": []} for field in fields) == 1
        former = [
            field["assignee"] for field in fields if (field["assignee"] or {}).get("displayName") == "Former user"
        ]
        assert len(former) == 1
        assert former[0]["active"] is False

    @pytest.mark.parametrize("seed", range(5))
    def test_a_moved_issue_answers_to_both_keys(self, seed: int) -> None:
        site = made(50, seed)
        moved = [issue for issue in site.issues.values() if issue.old_keys]
        assert len(moved) == 1
        old = moved[0].old_keys[0]
        assert old.split("-")[0] != moved[0].key.split("-")[0]
        assert site.find_issue(old) is moved[0] is site.find_issue(moved[0].key)

    def test_small_sites_have_none(self) -> None:
        assert not any(issue.old_keys or len(issue.fields) > 100_000 for issue in made(49).issues.values())
