"""What the README says is so: its commands and their options exist, and its table of settings is complete."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from typer.testing import CliRunner

from digital_spiral.bootstrap.runtime import open_runtime
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.interfaces.cli.app import build_app
from jira_emulator.__main__ import cli as emulator

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "src" / "digital_spiral" / "openapi" / "digital-spiral.v1.yaml"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
WIDE = {"COLUMNS": "300"}
COMMANDS = [
    "up",
    "api",
    "demo",
    "connect",
    "instances",
    "sync backfill",
    "sync status",
    "census",
    "worker",
    "beat",
    "db upgrade",
]
COMMANDS += ["db current", "db downgrade", "tenants create", "keys create", "keys list", "keys revoke", "doctor"]
COMMANDS += ["down", "reset"]


def shell_lines() -> list[str]:
    """Every command in a fenced `sh` block of the documents."""
    blocks = [block for path in DOCUMENTS for block in re.findall(r"```sh\n(.*?)```", path.read_text("utf-8"), re.S)]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def help_of(program: str, words: list[str]) -> str:
    """The help text of the longest command that the words name."""
    app = emulator if program == "jira-emulator" else build_app(open_runtime)
    names: list[str] = []
    for word in words:
        if word.startswith("-") or not word.isalpha():
            break
        result = CliRunner().invoke(app, [*names, word, "--help"], env=WIDE)
        if result.exit_code != 0:
            break
        names.append(word)
    assert names, f"{program} has no command {words[:1]}"
    return CliRunner().invoke(app, [*names, "--help"], env=WIDE).stdout


@pytest.mark.parametrize("line", shell_lines())
def test_commands_of_the_documents_exist_with_their_options(line: str) -> None:
    words = shlex.split(line, comments=True)
    match words[0]:
        case "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.M)
        case "digital-spiral" | "jira-emulator":
            text = help_of(words[0], words[1:])
            for option in (word for word in words if word.startswith("--")):
                assert option in text
        case "curl":
            path = urlsplit(words[-1]).path
            assert path in yaml.safe_load(CONTRACT.read_text("utf-8"))["paths"]
        case other:
            assert other == "git"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_json_and_home(command: str) -> None:
    result = CliRunner().invoke(build_app(open_runtime), [*command.split(), "--help"], env=WIDE)
    assert result.exit_code == 0
    assert f"Example: digital-spiral {command}" in result.stdout
    assert "--json" in result.stdout
    assert "--home" in result.stdout


def test_the_table_of_settings_is_complete_and_its_defaults_are_true() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (ROOT / "README.md").read_text("utf-8"), re.M)
    fields = {
        (name.upper() if field.validation_alias else f"DIGITAL_SPIRAL_{name.upper()}"): field.default
        for name, field in Settings.model_fields.items()
    }
    assert {name for name, _ in rows} == set(fields)
    for name, stated in rows:
        if re.fullmatch(r"`[^`]+`", stated):
            assert stated.strip("`") == str(fields[name]), name


def test_the_readme_says_what_the_master_key_is_for_and_what_its_loss_means() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "master.key" in text
    assert "If it is lost" in text
    assert "6.2.14" in text


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*DOCUMENTS, ROOT / "CHANGELOG.md", *(ROOT / "docs" / "adr").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
