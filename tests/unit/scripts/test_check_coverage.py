"""The coverage check: which files each demand looks at, and what it adds up."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

LoadScript = Callable[[str], ModuleType]


def entry(statements: int, lines: int, branches: int, taken: int) -> dict[str, dict[str, int]]:
    return {
        "summary": {
            "num_statements": statements,
            "covered_lines": lines,
            "num_branches": branches,
            "covered_branches": taken,
        }
    }


@pytest.mark.parametrize(
    ("domain", "emulator", "status"),
    [
        (entry(100, 100, 20, 19), entry(100, 90, 0, 0), 0),
        (entry(100, 100, 100, 94), entry(1000, 1000, 0, 0), 1),
        (entry(100, 94, 20, 20), entry(1000, 1000, 0, 0), 1),
        (entry(100, 100, 20, 20), entry(1000, 800, 0, 0), 1),
        (entry(0, 0, 0, 0), entry(10, 9, 0, 0), 0),
    ],
)
def test_demands(
    load_script: LoadScript,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    domain: dict[str, dict[str, int]],
    emulator: dict[str, dict[str, int]],
    status: int,
) -> None:
    report = tmp_path / "coverage.json"
    files = {
        "src/digital_spiral/domain/issue.py": domain,
        "src/jira_emulator/site.py": emulator,
        "tests/unit/test_issue.py": entry(10_000, 0, 0, 0),
    }
    report.write_text(json.dumps({"files": files}))
    assert load_script("check_coverage").main(report) == status
    assert "of the branches of domain and application, at least 95 % demanded" in capsys.readouterr().out


def test_percentages_add_files_up_instead_of_averaging_them(load_script: LoadScript) -> None:
    module = load_script("check_coverage")
    files = {
        "src/digital_spiral/domain/a.py": entry(0, 0, 10, 0),
        "src/digital_spiral/application/b.py": entry(0, 0, 90, 90),
    }
    assert module.reached(module.DEMANDS[0], files) == 90.0
