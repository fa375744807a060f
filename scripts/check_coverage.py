"""Fail when the tests leave too much of the code unreached: reads the report that `coverage json` wrote."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRODUCT = ("src/digital_spiral/", "src/jira_emulator/")
CORE = ("src/digital_spiral/domain/", "src/digital_spiral/application/")


@dataclass(frozen=True)
class Demand:
    """The least percentage of something in the files of some folders that must have been reached."""

    what: str
    folders: tuple[str, ...]
    covered: tuple[str, ...]
    total: tuple[str, ...]
    percent: float


DEMANDS = (
    Demand("branches of domain and application", CORE, ("covered_branches",), ("num_branches",), 95.0),
    Demand("lines of domain and application", CORE, ("covered_lines",), ("num_statements",), 95.0),
    Demand(
        "lines and branches overall",
        PRODUCT,
        ("covered_lines", "covered_branches"),
        ("num_statements", "num_branches"),
        90.0,
    ),
)


def reached(demand: Demand, files: Mapping[str, Mapping[str, Mapping[str, int]]]) -> float:
    """Return the percentage reached, 100 when the folders hold nothing to reach."""
    summaries = [entry["summary"] for name, entry in files.items() if name.startswith(demand.folders)]
    total = sum(summary[key] for summary in summaries for key in demand.total)
    covered = sum(summary[key] for summary in summaries for key in demand.covered)
    return 100.0 * covered / total if total else 100.0


def main(report: Path) -> int:
    """Print every demand with what was reached; return the exit status."""
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    results = [(demand, reached(demand, files)) for demand in DEMANDS]
    for demand, percent in results:
        print(f"coverage: {percent:5.1f} % of the {demand.what}, at least {demand.percent:.0f} % demanded")
    return 1 if any(percent < demand.percent for demand, percent in results) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
