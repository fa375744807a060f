"""The routes fulfil the contract to the letter, and the DTOs are those that it describes."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import validate

from tests.contract.api.conftest import Served
from tests.contract.api.documents import differences, normalised, operations

ROOT = Path(__file__).resolve().parents[3]

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(served: Served) -> Document:
    """The document that the running API serves."""
    answer = httpx2.get(f"{served.address}/openapi.json")
    assert answer.status_code == 200
    parsed: Document = answer.json()
    return parsed


def test_the_contract_is_a_valid_document(contract: Document) -> None:
    validate(contract)


def test_the_served_document_is_the_contract(document: Document, contract: Document) -> None:
    assert differences(normalised(document), normalised(contract)) == []


def test_every_operation_has_an_id_of_its_own_a_tag_and_the_request_id(contract: Document) -> None:
    found = operations(normalised(contract))
    assert len({each["operationId"] for _, _, each in found}) == len(found) > 0
    for _, path, each in found:
        assert each["tags"], path
        assert all("X-Request-ID" in answer["headers"] for answer in each["responses"].values()), path


def _drop_route(document: Document) -> None:
    del document["paths"]["/v1/projects"]


def _drop_answer(document: Document) -> None:
    del document["paths"]["/v1/issues"]["get"]["responses"]["304"]


def _loosen_parameter(document: Document) -> None:
    parameters = document["paths"]["/v1/issues"]["get"]["parameters"]
    next(each for each in parameters if each["name"] == "limit")["schema"]["maximum"] = 101


def _make_optional(document: Document) -> None:
    document["components"]["schemas"]["Issue"]["required"].remove("description")


def _drop_property_called_as_wording(document: Document) -> None:
    del document["components"]["schemas"]["Problem"]["properties"]["title"]


def _other_scope(document: Document) -> None:
    document["paths"]["/v1/issues"]["get"]["security"] = [{"ApiKey": ["sync:read"]}]


def _drop_header(document: Document) -> None:
    del document["paths"]["/v1/issues"]["get"]["responses"]["503"]["headers"]["Retry-After"]


@pytest.mark.parametrize(
    "change",
    [
        _drop_route,
        _drop_answer,
        _loosen_parameter,
        _make_optional,
        _drop_property_called_as_wording,
        _other_scope,
        _drop_header,
    ],
)
def test_any_difference_is_seen_from_either_side(
    document: Document, contract: Document, change: Callable[[Document], None]
) -> None:
    changed = copy.deepcopy(document)
    change(changed)
    assert differences(normalised(changed), normalised(contract))
    assert differences(normalised(contract), normalised(changed))


def test_the_wording_may_differ(document: Document, contract: Document) -> None:
    changed: Document = json.loads(json.dumps(document))
    changed["paths"]["/v1/issues"]["get"]["summary"] = "Other words."
    assert differences(normalised(changed), normalised(contract)) == []


def test_the_dtos_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate.py"), "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
