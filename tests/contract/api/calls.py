"""Requests made out of the contract: one for each operation, about things of a given tenant."""

from dataclasses import dataclass, field
from typing import Any

from digital_spiral.domain.entities.tenancy import Scope
from tests.contract.api.conftest import Copied
from tests.contract.api.documents import normalised, operations

HAPPY_QUERIES: dict[str, dict[str, str | list[str]]] = {
    "listIssues": {"limit": "5", "sort": "created", "status_category": ["done", "new"]},
    "listSyncRuns": {"limit": "5"},
}


@dataclass(frozen=True)
class Call:
    """An operation of the contract.

    Attributes:
        name: Its operation id.
        method: The HTTP method.
        path: The path's template.
        scopes: The scopes that it needs; None: it needs no key.
        body: A body that it takes.
        query_names: Its query parameters.
        statuses: The statuses that it documents.
    """

    name: str
    method: str
    path: str
    scopes: tuple[Scope, ...] | None
    body: dict[str, object] | None
    query_names: frozenset[str]
    statuses: frozenset[int]
    query: dict[str, str | list[str]] = field(default_factory=dict)

    @property
    def named(self) -> bool:
        """Whether it is about one thing that the path names."""
        return "{" in self.path

    def address(self, about: Copied) -> str:
        """The path, about things of this tenant; a parameter that is not known here raises ``KeyError``."""
        return self.path.format_map({"instance_id": about.instance_id, "run_id": about.run_id, "key": about.issue_key})


def calls_of(contract: dict[str, Any]) -> list[Call]:
    """Every operation of the contract."""
    document = normalised(contract)
    return [_call(document, method, path, each) for method, path, each in operations(document)]


def _call(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Call:
    security = operation.get("security")
    return Call(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        scopes=tuple(Scope(scope) for scope in security[0]["ApiKey"]) if security else None,
        body=_body(document, operation["requestBody"]) if "requestBody" in operation else None,
        query_names=frozenset(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"),
        statuses=frozenset(int(status) for status in operation["responses"]),
        query=HAPPY_QUERIES.get(operation["operationId"], {}),
    )


def _body(document: dict[str, Any], body: dict[str, Any]) -> dict[str, object]:
    """The smallest body that fits; a schema whose required properties are no constants needs more than this."""
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    return {each: schema["properties"][each]["const"] for each in schema["required"]}
