"""A hand-made issue as Jira answers it, and a site that answers what a test tells it to."""

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
import msgspec
import pytest

from digital_spiral.domain.entities.issue import Issue
from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.infrastructure.external.jira.client import Budget, JiraClient
from digital_spiral.infrastructure.external.jira.failures import Patience
from digital_spiral.infrastructure.external.jira.field_values import FieldCatalogue
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway
from digital_spiral.infrastructure.external.jira.parse_issue import IssueParser
from digital_spiral.infrastructure.external.jira.raw import RawRules

Json = dict[str, object]
Answer = Callable[[httpx2.Request], httpx2.Response]

AT_ONCE = Patience(first=0.0)
EMAIL = "reader@example.com"
TOKEN = "token-that-nobody-may-see"


def hash_email(email: str) -> str:
    return f"hash({len(email)})"


@pytest.fixture
def rules() -> RawRules:
    return RawRules(hash_email)


def person(account_id: str, **more: object) -> Json:
    return {"accountId": account_id, "displayName": account_id.title(), "active": True, **more}


def paragraph(text: str) -> Json:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def comment(comment_id: int, text: str = "Seen.") -> Json:
    moment = "2026-03-01T12:00:00.000+0100"
    return {
        "id": str(comment_id),
        "author": person("ada", emailAddress="ada@example.com"),
        "updateAuthor": person("bo"),
        "body": paragraph(text),
        "created": moment,
        "updated": moment,
    }


@dataclass
class IssueMaker:
    """Makes issues of one shape; ``fields`` given to a call replace or add."""

    base: Json = field(default_factory=dict)

    def __call__(self, issue_id: int = 10_012, /, **fields: object) -> Json:
        values: Json = {
            "summary": "Print the invoice",
            "issuetype": {"id": "10001", "name": "Story", "subtask": False, "hierarchyLevel": 0},
            "project": {"id": "10000", "key": "DEMO"},
            "status": {"id": "3", "name": "In Progress", "statusCategory": {"id": 4, "key": "indeterminate"}},
            "created": "2026-02-27T10:03:11.123+0100",
            "updated": "2026-03-27T10:03:11.123+0200",
            "comment": {"comments": [], "maxResults": 0, "total": 0, "startAt": 0},
            "worklog": {"worklogs": [], "maxResults": 20, "total": 0, "startAt": 0},
        }
        return {"expand": "names", "id": str(issue_id), "key": f"DEMO-{issue_id - 10_000}", "fields": values | fields}


@pytest.fixture
def make_issue() -> IssueMaker:
    return IssueMaker()


@pytest.fixture
def make_comment() -> Callable[..., Json]:
    return comment


@dataclass
class Script:
    """A site whose answers are functions by path; ``calls`` keeps what was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[tuple[str, Json]] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = msgspec.json.decode(request.content) if request.content else dict(request.url.params)
        self.calls.append((request.url.path, body))
        answer = self.answers.get(request.url.path)
        return httpx2.Response(404, json={"errorMessages": ["No such thing."]}) if answer is None else answer(request)

    def bodies(self, path: str) -> list[Json]:
        return [body for called, body in self.calls if called == path]

    def client(self, patience: Patience = AT_ONCE, concurrency: int = 4) -> JiraClient:
        return JiraClient(
            "https://acme.example",
            Credentials(EMAIL, TOKEN),
            budget=Budget(concurrency),
            patience=patience,
            transport=httpx2.MockTransport(self),
        )


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def gateway(script: Script, rules: RawRules) -> JiraGateway:
    script.answers.setdefault("/rest/api/3/field", lambda _: httpx2.Response(200, json=[]))
    return JiraGateway(script.client(), rules)


@pytest.fixture
def an_issue(make_issue: IssueMaker, rules: RawRules) -> Issue:
    parser = IssueParser(rules, FieldCatalogue())
    return parser.issue(msgspec.json.encode(make_issue())).bundle.issue
