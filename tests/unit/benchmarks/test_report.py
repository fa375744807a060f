"""Goals and tables, and what the runner refuses."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.copies import Copies
from benchmarks.report import BEGIN, END, Goal, Section, Table, at_most, below, goals_table, replaced_figures


@pytest.mark.parametrize(
    ("goal", "met", "shown"),
    [
        (at_most("cost", 1.2, 1.2, " x", 2), True, "1.20 x"),
        (at_most("cost", 1.21, 1.2, " x", 2), False, "1.21 x"),
        (below("memory", 299.9, 300, " MB"), True, "300 MB"),
        (below("memory", 300, 300, " MB"), False, "300 MB"),
    ],
)
def test_a_goal_is_met_on_one_side_of_its_bound(goal: Goal, met: bool, shown: str) -> None:
    assert goal.met is met
    assert goal.measured == shown


def test_what_was_not_measured_is_not_met() -> None:
    table = goals_table([Section(name="api", goals=[Goal("p95", "< 20 ms", "-", None)])])
    assert table.rows == [("p95", "< 20 ms", "-", "not measured")]


def test_a_table_is_markdown() -> None:
    table = Table(title="Pace", head=("", "Issues/s"), rows=[("COPY", "900")])
    assert table.markdown() == "**Pace**\n\n|  | Issues/s |\n| --- | ---: |\n| COPY | 900 |"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "_ROOT", tmp_path)
    monkeypatch.setattr(runner, "_RESULTS", tmp_path / "bench-results")
    return tmp_path / "bench-results"


def test_a_section_that_breaks_is_an_error_and_the_others_are_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(copies: Copies) -> Section:
        raise RuntimeError("the worker died")

    def missed(copies: Copies) -> Section:
        return Section(name="rls", goals=[below("p95", 30, 20, " ms")], data={"p95": 30})

    monkeypatch.setattr(runner, "SECTIONS", {"api": broken, "rls": missed})
    assert runner.main(["--quick", "--only", "api,rls"]) == 1
    assert "| p95 | < 20 ms | 30 ms | **no** |" in capsys.readouterr().out
    (kept,) = results.iterdir()
    report = json.loads(kept.read_text())
    assert report["failures"] == {"api": "RuntimeError: the worker died"}
    assert report["sections"]["rls"] == {"p95": 30}


def test_a_goal_that_is_missed_is_no_error(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = Section(name="rls", goals=[below("p95", 30, 20, " ms")])
    monkeypatch.setattr(runner, "SECTIONS", {"rls": lambda copies: section})
    assert runner.main(["--only", "rls"]) == 0
    assert len(list(results.iterdir())) == 1


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["--only", "writepath"])
    assert "no section is called writepath" in capsys.readouterr().err


def test_figures_replace_what_stands_between_the_marks() -> None:
    assert replaced_figures(f"a\n{BEGIN}\nold\n{END}\nz", "new\n") == f"a\n{BEGIN}\n\nnew\n\n{END}\nz"
    with pytest.raises(ValueError, match="lacks"):
        replaced_figures("no marks", "new")


def test_the_documentation_takes_the_figures(
    results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "performance.md"
    docs.write_text(Path(runner.__file__).parents[1].joinpath("docs", "performance.md").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(runner, "_DOCS", docs)
    section = Section(name="rls", goals=[below("p95", 30, 20, " ms")])
    monkeypatch.setattr(runner, "SECTIONS", {"rls": lambda copies: section})
    assert runner.main(["--only", "rls", "--docs"]) == 0
    text = docs.read_text("utf-8")
    assert "| p95 | < 20 ms | 30 ms | **no** |" in text
    assert END in text
    assert text.startswith("# Performance")
    assert "written into performance.md" in capsys.readouterr().out
