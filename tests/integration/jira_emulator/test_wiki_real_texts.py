"""Wiki markup as people wrote it, against Atlassian's own schema of ADF."""

import gzip
import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import orjson
import pytest

from jira_emulator.wiki import to_adf


@pytest.fixture(scope="module")
def adf_schema(shared_data: Path) -> jsonschema.Draft4Validator:
    file = shared_data / "jira-openapi" / "adf-full.v1.json"
    if not file.is_file():
        pytest.skip("the ADF schema (jira-openapi/adf-full.v1.json) is absent from the shared data")
    return jsonschema.Draft4Validator(json.loads(file.read_bytes()))


def real_texts(file: Path, limit: int) -> list[str]:
    texts: list[str] = []
    with gzip.open(file) as lines:
        for line in lines:
            fields = orjson.loads(line)["fields"]
            bodies = [fields.get("description"), *(comment.get("body") for comment in fields["comment"]["comments"])]
            texts.extend(body for body in bodies if body and len(body) < 5_000)
            if len(texts) >= limit:
                break
    return texts


@pytest.mark.parametrize("name", ["mod", "aloy"])
def test_real_texts_give_valid_adf(name: str, shared_data: Path, adf_schema: jsonschema.Draft4Validator) -> None:
    texts = real_texts(shared_data / "jira-data" / f"issues-titanium-{name}.jsonl.gz", 400)
    assert len(texts) >= 400
    wrong = [text for text in texts if not adf_schema.is_valid(to_adf(text))]
    assert wrong == []


def test_every_construct_is_valid_in_the_schema(adf_schema: jsonschema.Draft4Validator) -> None:
    text = (
        "h1. T\n----\n* a\n*# b\n\n||h||\n|c|\n{code:java|title=x}y{code}{noformat}{noformat}{quote}h1. q\n|a|\n{quote}"
        "{panel}{panel}{panel}h1. p\n----{panel}bq. s\n*b* _i_ -s- +u+ ^a^ ~b~ {{m}} {color:red}c{color} [*l*|http://x.example]\\\\"
    )
    adf_schema.validate(to_adf(text))
