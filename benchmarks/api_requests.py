"""The requests that readers of the API send, drawn from what the copy really holds."""

import http.client
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from benchmarks.copies import Place
from benchmarks.product import superuser

MIX = {"issue": 40, "issue, not changed": 15, "list": 25, "history": 15, "projects": 5}
"""Kinds of request and their share in per cent. "Not changed" sends the entity tag of the present answer."""

_SEED = 1
_TAGGED = 400
"""Issues whose entity tags are fetched beforehand."""
_LISTS = 300
"""Readers of lists, each with filters and an order of its own."""
_DEEPEST = 5
"""Pages that some readers of a list go on, at most."""

Query = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """One request; ``etag`` is sent as ``If-None-Match``."""

    kind: str
    path: str
    etag: str = ""

    def line(self) -> str:
        """The form in which the load script reads it."""
        return f"{self.kind}\t{self.path}\t{self.etag}"


@dataclass(frozen=True)
class Vocabulary:
    """What there is to ask for, in an order that chance chose."""

    keys: Sequence[str]
    projects: Sequence[str]
    statuses: Sequence[str]
    types: Sequence[str]
    assignees: Sequence[str]
    labels: Sequence[str]
    updated: Sequence[datetime]


async def vocabulary(place: Place) -> Vocabulary:
    """Read the place's keys and values; common values come as often as they occur."""
    here = "WHERE tenant_id = :tenant AND instance_id = :instance"
    issues = f"FROM issues {here} AND gone_at IS NULL ORDER BY md5(key)"
    parameters = {"tenant": place.tenant_id, "instance": place.instance_id}
    async with superuser(place.home) as connection:

        async def column(query: str) -> list[Any]:
            return list((await connection.execute(sa.text(query), parameters)).scalars())

        return Vocabulary(
            keys=await column(f"SELECT key {issues} LIMIT 10000"),
            projects=await column(f"SELECT key FROM projects {here} AND gone_at IS NULL ORDER BY key"),
            statuses=await column(f"SELECT DISTINCT name FROM statuses {here} AND gone_at IS NULL ORDER BY name"),
            types=await column(f"SELECT DISTINCT name FROM issue_types {here} AND gone_at IS NULL ORDER BY name"),
            assignees=await column(f"SELECT coalesce(assignee_id, 'unassigned') {issues} LIMIT 500"),
            labels=await column(
                f"SELECT value_text FROM issue_field_values {here} AND field_id = 'labels' "
                "ORDER BY md5(issue_id::text || value_text) LIMIT 500"
            ),
            updated=await column(f"SELECT jira_updated_at {issues} LIMIT 500"),
        )


class Reader:
    """Asks the API one thing after another, to learn cursors and entity tags."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> tuple[dict[str, Any], str]:
        """The answer's document and entity tag.

        Raises:
            RuntimeError: The answer is not 200.
        """
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path} was answered {answer.status}: {body[:500].decode(errors='replace')}")
        return json.loads(body), answer.headers.get("ETag", "")


def draw(words: Vocabulary, reader: Reader, count: int) -> list[Request]:
    """So many requests in the shares of ``MIX``; the same ones for the same copy every time."""
    chance = random.Random(_SEED)  # noqa: S311 - reproducible load, not a secret
    tagged = [Request("issue, not changed", path, reader.get(path)[1]) for path in map(_issue, words.keys[:_TAGGED])]
    lists = [path for _ in range(_LISTS) for path in _pages(_list_query(chance, words), chance, reader)]
    projects = ["/v1/projects", "/v1/projects?limit=100"]

    def one(kind: str) -> Request:
        if kind == "issue, not changed":
            return chance.choice(tagged)
        if kind == "list":
            return Request(kind, chance.choice(lists))
        if kind == "projects":
            return Request(kind, chance.choice(projects))
        path = _issue(chance.choice(words.keys))
        return Request(kind, path if kind == "issue" else f"{path}/history")

    return [one(kind) for kind in chance.choices(list(MIX), list(MIX.values()), k=count)]


def _issue(key: str) -> str:
    return f"/v1/issues/{key}"


def _list_query(chance: random.Random, words: Vocabulary) -> Query:
    """Filters and an order as people combine them."""
    early, late = sorted(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in chance.sample(words.updated, 2))
    project = ("project", chance.choice(words.projects))
    filters: list[Query] = [
        [],
        [project],
        [project, ("status_category", "indeterminate"), ("status_category", "new")],
        [project, ("status", chance.choice(words.statuses))],
        [project, ("type", chance.choice(words.types))],
        [("assignee", chance.choice(words.assignees))],
        [("assignee", chance.choice(words.assignees)), ("status_category", "done")],
        [("label", chance.choice(words.labels))],
        [("updated_from", early), ("updated_to", late)],
        [project, ("updated_from", early)],
    ]
    query = chance.choice(filters)
    order = chance.choices(["-updated", "updated", "-created", "created"], [6, 1, 2, 1])[0]
    return [*query, ("sort", order), *([("limit", "100")] if chance.random() < 0.2 else [])]


def _pages(query: Query, chance: random.Random, reader: Reader) -> list[str]:
    """The list's first page, and for half of the readers a few more."""
    paths = [f"/v1/issues?{urlencode(query)}"]
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, _DEEPEST)):
            cursor = reader.get(paths[-1])[0]["next_cursor"]
            if cursor is None:
                break
            paths.append(f"/v1/issues?{urlencode([*query, ('cursor', cursor)])}")
    return paths
