"""The API under requests that schemathesis makes out of the contract, good and bad, with the keys of two tenants."""

import copy
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.contract.api.calls import Call, calls_of
from tests.contract.api.conftest import CONTRACT, Copied, Served

EXAMPLES = 8
"""Random requests for each operation, besides those that cover its parameters one by one."""
CALLS = calls_of(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))

CONFIG = """
[phases.stateful]
enabled = false

[auth.wfc]
path = "keys.yaml"
user = "{user}"
peers = ["own", "other"]
"""


def _document(served: Served, contract: dict[str, Any], about: Copied) -> dict[str, Any]:
    """The contract with real ids and cursors as examples, so that requests find something.

    A cursor is opaque: none but those of this very list are good, so its schema here names one. The cursors of issues
    depend on the order as well, which a schema cannot say.
    """
    document = copy.deepcopy(contract)
    examples = {"instance_id": str(about.instance_id), "run_id": str(about.run_id), "key": about.issue_key}
    parameters = document["components"]["parameters"]
    for path, item in document["paths"].items():
        for operation in item.values():
            for position, parameter in enumerate(operation.get("parameters", ())):
                name = parameter.get("$ref", "").rpartition("/")[2]
                own = copy.deepcopy(parameters[name]) if name else parameter
                operation["parameters"][position] = own
                if own["name"] in examples:
                    own["example"] = examples[own["name"]]
                if own["name"] == "cursor":
                    cursor = None if path == "/v1/issues" else _cursor(served, about, path.format_map(examples))
                    own["schema"] = {"enum": [cursor]} if cursor else {"type": "null"}
    return document


def _cursor(served: Served, about: Copied, address: str) -> str | None:
    with served.client(about.token) as client:
        answer = client.get(address, params={"limit": "1"})
    assert answer.status_code == 200
    cursor: str | None = answer.json()["next_cursor"]
    return cursor


def _keys(served: Served) -> dict[str, Any]:
    tokens = {"own": served.own.token, "other": served.other.token}
    headers = {user: [{"name": "Authorization", "value": f"Bearer {token}"}] for user, token in tokens.items()}
    return {"auth": [{"name": user, "fixedHeaders": header} for user, header in headers.items()]}


def _answered(report: Path) -> Counter[tuple[str, int]]:
    """How often each operation answered with each status."""
    counted: Counter[tuple[str, int]] = Counter()
    for entry in json.loads(report.read_bytes())["log"]["entries"]:
        path = urlsplit(entry["request"]["url"]).path
        for call in CALLS:
            if call.method == entry["request"]["method"] and _template(call).fullmatch(path):
                counted[call.name, entry["response"]["status"]] += 1
    return counted


def _template(call: Call) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", call.path))


@pytest.mark.parametrize(("user", "phases"), [("own", "examples,coverage,fuzzing"), ("other", "examples,fuzzing")])
def test_every_check_holds(
    served: Served, contract: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest, user: str, phases: str
) -> None:
    about = served.own if user == "own" else served.other
    served.end_runs(about.tenant_id)
    (tmp_path / "contract.json").write_text(json.dumps(_document(served, contract, about)))
    (tmp_path / "keys.yaml").write_text(json.dumps(_keys(served)))
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(user=user))
    seed = request.config.getoption("hypothesis_seed")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "--config-file", "schemathesis.toml", "run", "contract.json"),
            *("--url", served.address, "--seed", str(seed), "--max-examples", str(EXAMPLES)),
            *("--report", "har", "--report-har-path", "report.har", "--no-color", "--checks", "all"),
            *("--phases", phases, "--generation-database", "none", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr}"
    answered = _answered(tmp_path / "report.har")
    assert {(name, status) for name, status in answered if status >= 500} == set()
    served_well = {name: sum(answered[name, status] for status in (200, 202)) for name, _ in answered}
    report = f"seed {seed}: {answered.total()} requests, {sum(served_well.values())} served well: {served_well}"
    sys.stdout.write(f"{done.stdout}\n{report}\n")
    assert set(served_well) == {call.name for call in CALLS}
    assert all(served_well.values())
    assert sum(served_well.values()) >= 50
