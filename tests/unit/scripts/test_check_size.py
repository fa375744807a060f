"""The size check: what it calls too long, and what it does not count."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

LoadScript = Callable[[str], ModuleType]


def function(lines: int, head: str = "def work():", docstring: str = "") -> str:
    return "\n".join([head, *([f'    """{docstring}"""'] if docstring else []), *["    n = 1"] * lines]) + "\n"


@pytest.fixture
def check_size(load_script: LoadScript) -> ModuleType:
    return load_script("check_size")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (function(60), 0),
        (function(61), 1),
        (function(60, docstring="Do the work.\n\n    At length.\n    "), 0),
        (function(61, head="async def work():"), 1),
        ("class Worker:\n" + "\n".join("    " + line for line in function(61).splitlines()), 1),
        ('def work():\n    """Only say so."""\n', 0),
        ("n = 1\n" * 500, 0),
        ("n = 1\n" * 501, 1),
    ],
)
def test_limits(check_size: ModuleType, tmp_path: Path, text: str, problems: int) -> None:
    path = tmp_path / "module.py"
    path.write_text(text)
    assert len(list(check_size.oversized(path))) == problems


def test_all_folders_are_looked_at_and_the_place_is_named(
    check_size: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("src/package", "tests", "scripts", "benchmarks", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "module.py").write_text("n = 1\n" + function(61))
    assert check_size.main(tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1] == f"{tmp_path / 'tests' / 'module.py'}:2: work has 61 lines, at most 60"
    for folder in ("src/package", "tests", "scripts", "benchmarks"):
        (tmp_path / folder / "module.py").write_text(function(2))
    assert check_size.main(tmp_path) == 0
    assert capsys.readouterr().out == "size: 4 files, none too long\n"
