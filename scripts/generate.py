"""Write the DTOs of API v1 from its contract; with --check only say whether they are current."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "digital_spiral"
CONTRACT = PACKAGE / "openapi" / "digital-spiral.v1.yaml"
DTOS = PACKAGE / "application" / "dtos" / "v1.py"
HEADER = '"""The shapes of API v1. Generated from the contract by `make generate`; do not edit."""'
OPTIONS = (
    *("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"),
    *("--base-class", "digital_spiral.application.dtos.base.Dto", "--target-python-version", "3.11"),
    *("--strict-nullable", "--use-annotated", "--field-constraints", "--enum-field-as-literal", "all"),
    *("--disable-timestamp", "--use-double-quotes", "--formatters", "builtin", "--custom-file-header", HEADER),
)


def generate(target: Path) -> None:
    """Write the DTOs into ``target``, in the project's own format."""
    tools = Path(sys.executable).parent
    source = ("--input", str(CONTRACT), "--output", str(target))
    subprocess.run([str(tools / "datamodel-codegen"), *source, *OPTIONS], check=True)
    settings = ("--config", str(ROOT / "pyproject.toml"), "--quiet")
    subprocess.run([str(tools / "ruff"), "check", "--select", "I", "--fix", *settings, str(target)], check=True)
    subprocess.run([str(tools / "ruff"), "format", *settings, str(target)], check=True)


def main() -> int:
    """Run the program; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the DTOs of API v1 from its contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when they are not current")
    if not parser.parse_args().check:
        generate(DTOS)
        return 0
    with tempfile.TemporaryDirectory(dir=DTOS.parent) as folder:  # so that imports are sorted alike
        fresh = Path(folder) / DTOS.name
        generate(fresh)
        if fresh.read_bytes() == DTOS.read_bytes():
            return 0
    print(f"{DTOS.relative_to(ROOT)} is not what the contract says. Run `make generate`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
