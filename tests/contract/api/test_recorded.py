"""Requests and answers of the happy paths, recorded and held against the contract by openapi-core."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.contract.api.calls import Call, calls_of
from tests.contract.api.conftest import CONTRACT, Served

CALLS = calls_of(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))


@dataclass
class RecordedRequest:
    """A request in the form that openapi-core takes."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


@dataclass(frozen=True)
class RecordedAnswer:
    """An answer in the form that openapi-core takes."""

    status_code: int
    headers: dict[str, str]
    content_type: str
    data: bytes | None


def _recorded(answer: httpx2.Response) -> tuple[RecordedRequest, RecordedAnswer]:
    sent = answer.request
    url = urlsplit(str(sent.url))
    parameters = RequestParameters(
        query=ImmutableMultiDict(sent.url.params.multi_items()), header=Headers(sent.headers.multi_items())
    )
    request = RecordedRequest(
        f"{url.scheme}://{url.netloc}",
        url.path,
        sent.method.lower(),
        parameters,
        sent.headers.get("Content-Type", ""),
        sent.read() or None,
    )
    content_type = answer.headers.get("Content-Type", "").partition(";")[0]
    return request, RecordedAnswer(answer.status_code, dict(answer.headers), content_type, answer.read())


@pytest.fixture(scope="module")
def openapi(contract: dict[str, Any]) -> OpenAPI:
    return OpenAPI.from_dict(contract)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_happy_path_is_as_the_contract_says(served: Served, openapi: OpenAPI, call: Call) -> None:
    if call.method == "POST":
        served.end_runs(served.own.tenant_id)
    with served.client(served.own.token) as client:
        answer = client.request(call.method, call.address(served.own), json=call.body, params=call.query)
    assert answer.is_success
    request, recorded = _recorded(answer)
    openapi.validate_request(request)
    openapi.validate_response(request, recorded)
