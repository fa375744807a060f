"""``make bench``: measure, print tables in Markdown and each goal with what was measured, keep everything as JSON.

The exit status is 0 whatever was measured; it is 1 when a section could not be run.
"""

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import api, backfill, rls, write_path
from benchmarks.copies import Copies
from benchmarks.report import Goal, Section, goals_table, machine, replaced_figures

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench-results"
_DOCS = _ROOT / "docs" / "performance.md"

SECTIONS: dict[str, Callable[[Copies], Section]] = {
    "backfill": backfill.section,
    "write-path": write_path.section,
    "api": api.section,
    "rls": rls.section,
}
"""In the order in which they run: later ones use the copies that the first one makes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen sections; returns the exit status."""
    options = _options(arguments)
    started, about = datetime.now(UTC), dict(machine())
    print(f"{started:%Y-%m-%d %H:%M} UTC; " + ", ".join(f"{name} {value}" for name, value in about.items()))
    found: list[Section] = []
    failures: dict[str, str] = {}
    with Copies(shared=options.shared, quick=options.quick, home=options.home) as copies:
        for name in (name for name in SECTIONS if name in options.only):
            print(f"\n## {name}\n", flush=True)
            try:
                found.append(SECTIONS[name](copies))
            except Exception as error:  # noqa: BLE001 - one broken section must not lose the figures of the others
                traceback.print_exc()
                failures[name] = f"{type(error).__name__}: {error}"
                found.append(Section(name=name, goals=[Goal(f"{name} runs to its end", "yes", "failed", False)]))
            print(f"\n{found[-1].markdown()}", flush=True)
    print(f"\n## goals\n\n{goals_table(found).markdown()}\n")
    path = _keep({"started": started.isoformat(), "machine": about, "quick": options.quick}, found, failures)
    print(f"kept in {path.relative_to(_ROOT)}")
    if options.docs and not failures:
        _DOCS.write_text(replaced_figures(_DOCS.read_text(encoding="utf-8"), _document(started, about, found)), "utf-8")
        print(f"written into {_DOCS.relative_to(_ROOT)}")
    return 1 if failures else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the product against its goals.")
    parser.add_argument(
        "--only", type=_names, default=tuple(SECTIONS), metavar="NAMES", help=f"some of {','.join(SECTIONS)}"
    )
    parser.add_argument("--quick", action="store_true", help="small datasets, to see that everything runs")
    parser.add_argument("--docs", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--shared", type=Path, default=_ROOT.parent / "shared", help="folder of the real data")
    parser.add_argument(
        "--home", type=Path, default=None, help="let api and rls use the largest copy in this home, not a new one"
    )
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no section is called {', '.join(unknown)}")
    return names


def _document(started: datetime, about: dict[str, str], found: Sequence[Section]) -> str:
    """All figures as a part of the documentation."""
    measured = f"Measured on {started:%Y-%m-%d}: " + ", ".join(f"{name} {value}" for name, value in about.items()) + "."
    return "\n\n".join([measured, goals_table(found).markdown(), *(each.markdown() for each in found)])


def _keep(about: dict[str, object], found: Sequence[Section], failures: dict[str, str]) -> Path:
    """Write everything to a file of its own."""
    goals = [
        {"section": each.name, "name": goal.name, "goal": goal.goal, "measured": goal.measured, "met": goal.met}
        for each in found
        for goal in each.goals
    ]
    report = {**about, "failures": failures, "goals": goals, "sections": {each.name: each.data for each in found}}
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    # SIGTERM leaves by the same way as everything else: past the ends of all processes and homes.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
