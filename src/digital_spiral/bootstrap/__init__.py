"""The composition root: the one place that knows every layer, and the console script."""

import os
import sys
import traceback
from pathlib import Path

from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.interfaces.cli.app import build_app
from digital_spiral.interfaces.cli.output import FAILURE, print_error
from digital_spiral.interfaces.cli.runtime import Runtime


def main() -> None:
    """Run the command line. Errors nobody foresaw end here, as one sentence unless the log level is `debug`."""
    try:
        build_app(_open_runtime)()
    except Exception as error:  # noqa: BLE001 - the outermost door
        if os.environ.get("DIGITAL_SPIRAL_LOG_LEVEL", "").lower() == "debug":
            sys.stderr.write(Redaction().text(traceback.format_exc()))
        print_error(
            f"{type(error).__name__}: {error}\nThis is a fault of Digital Spiral. Please report it with what "
            "DIGITAL_SPIRAL_LOG_LEVEL=debug prints for the same command."
        )
        raise SystemExit(FAILURE) from None


def _open_runtime(home: Path | None) -> Runtime:
    # The whole product hangs below this import; `--help` and usage errors answer without it.
    from digital_spiral.bootstrap.runtime import open_runtime
    from digital_spiral.infrastructure.garbage import collect_seldom

    collect_seldom()
    return open_runtime(home)
