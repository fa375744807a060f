"""Every operation of the contract, asked for with every kind of key."""

import re
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import httpx2
import pytest
import yaml

from tests.contract.api.calls import Call, calls_of
from tests.contract.api.conftest import CONTRACT, Served

CALLS = calls_of(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))
GUARDED = [call for call in CALLS if call.scopes is not None]
OPEN = [call for call in CALLS if call.scopes is None]

GARBAGE = "ds_0123456789abcdef0123456789abcdef_abcdefgh_" + "A" * 43
REFUSED: dict[str, Callable[[Served], str | None]] = {
    "no key": lambda served: None,
    "garbage": lambda served: "garbage",
    "a key of no tenant": lambda served: GARBAGE,
    "a key with another secret": lambda served: served.own.token[:-43] + "A" * 43,
    "a key that names another tenant": lambda served: served.own.token.replace(
        served.own.tenant_id.hex, served.other.tenant_id.hex
    ),
    "an expired key": lambda served: served.keys.expired,
    "a revoked key": lambda served: served.keys.revoked,
}


def _name(call: Call) -> str:
    return call.name


def _ask(served: Served, call: Call, token: str | None, **query: str) -> httpx2.Response:
    if call.method == "POST":
        served.end_runs(served.own.tenant_id)
    with served.client(token) as client:
        address = call.address(served.own)
        answer = client.request(call.method, address, json=call.body, params={**call.query, **query})
    assert answer.status_code in call.statuses
    assert answer.headers["X-Request-ID"]
    if token is not None:
        assert token not in answer.text
        assert not any(token in value for value in answer.headers.values())
    return answer


def _problem(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["X-Request-ID"]


def test_every_operation_says_which_scope_it_needs_or_needs_no_key() -> None:
    assert len(GUARDED) + len(OPEN) == len(CALLS) > 0
    assert all(call.scopes for call in GUARDED)
    assert {call.path for call in OPEN} == {"/health", "/healthz", "/metrics"}


@pytest.mark.parametrize("call", GUARDED, ids=_name)
def test_the_tenants_own_key_opens_it(served: Served, call: Call) -> None:
    answer = _ask(served, call, served.own.token)
    assert answer.is_success, answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    if call.name.startswith("list") and call.name not in ("listComments", "listWorklogs", "listHistory"):
        assert str(served.own.instance_id) in answer.text
        assert str(served.other.instance_id) not in answer.text


@pytest.mark.parametrize("call", GUARDED, ids=_name)
def test_another_tenants_key_finds_nothing_of_it(served: Served, call: Call) -> None:
    answer = _ask(served, call, served.other.token)
    if call.named:
        _problem(answer, 404, "not_found")
        return
    assert answer.status_code == 200
    assert str(served.other.instance_id) in answer.text
    assert str(served.own.instance_id) not in answer.text


@pytest.mark.parametrize("call", [call for call in GUARDED if call.named], ids=_name)
def test_what_another_tenant_has_is_answered_like_what_nobody_has(served: Served, call: Call) -> None:
    nobodys = replace(served.own, instance_id=uuid4(), run_id=uuid4(), issue_key="NOBODY-1")
    with served.client(served.other.token) as client:
        details = []
        for about in (served.own, nobodys):
            problem = client.request(call.method, call.address(about), json=call.body).json()
            names = re.compile("|".join(map(str, (about.instance_id, about.run_id, about.issue_key))))
            details.append(names.sub("it", problem.pop("detail")))
            problem.pop("request_id")
            details.append(problem)
    assert details[:2] == details[2:]


@pytest.mark.parametrize("call", [call for call in GUARDED if "instance_id" in call.query_names], ids=_name)
def test_naming_another_tenants_site_finds_nothing(served: Served, call: Call) -> None:
    answer = _ask(served, call, served.other.token, instance_id=str(served.own.instance_id))
    if call.named:
        _problem(answer, 404, "not_found")
    else:
        assert answer.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("call", GUARDED, ids=_name)
def test_a_key_without_the_scope_does_not_open_it(served: Served, call: Call) -> None:
    assert call.scopes is not None
    for scope in call.scopes:
        answer = _ask(served, call, served.keys.lacking[scope])
        _problem(answer, 403, "forbidden")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize("call", GUARDED, ids=_name)
@pytest.mark.parametrize("kind", REFUSED)
def test_a_key_that_is_not_in_force_opens_nothing(served: Served, call: Call, kind: str) -> None:
    answer = _ask(served, call, REFUSED[kind](served))
    _problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("call", OPEN, ids=_name)
def test_operations_answer_whoever_asks(served: Served, call: Call) -> None:
    for token in (None, "garbage", served.own.token):
        assert _ask(served, call, token).status_code == 200


def test_a_run_is_found_under_its_own_site_only(served: Served) -> None:
    with served.client(served.own.token) as client:
        for instance_id, run_id in (
            (served.other.instance_id, served.own.run_id),
            (served.own.instance_id, served.other.run_id),
        ):
            assert client.get(f"/v1/instances/{instance_id}/sync-runs/{run_id}").status_code == 404
