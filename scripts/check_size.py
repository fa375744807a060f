"""Fail when a Python file or a function has outgrown what a reader holds in mind."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("src", "tests", "scripts", "benchmarks")
MAX_FILE_LINES = 500
MAX_BODY_LINES = 60


def oversized(path: Path) -> Iterator[str]:
    """Yield one line for the file itself and for each function in it that is too long; a docstring does not count."""
    text = path.read_text(encoding="utf-8")
    if (lines := len(text.splitlines())) > MAX_FILE_LINES:
        yield f"{path}: {lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            length = ((body[-1].end_lineno or 0) - body[0].lineno + 1) if body else 0
            if length > MAX_BODY_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MAX_BODY_LINES}"


def main(root: Path) -> int:
    """Check all folders under `root`; return the exit status."""
    files = sorted(file for folder in FOLDERS for file in (root / folder).rglob("*.py"))
    problems = [problem for file in files for problem in oversized(file)]
    print("\n".join(problems) or f"size: {len(files)} files, none too long")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
