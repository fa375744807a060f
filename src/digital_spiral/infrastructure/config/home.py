"""The home: the one folder that holds the embedded servers' data, their passwords and the master key."""

import os
from pathlib import Path

from platformdirs import user_data_path

ROOT_HOME = Path("/var/lib/digital-spiral")


def default_home() -> Path:
    """Return the user's data folder, or for root a system folder that the server account can reach."""
    return ROOT_HOME if os.geteuid() == 0 else user_data_path("digital-spiral", appauthor=False)


def make_home(home: Path) -> Path:
    """Make the home when it is missing, and return it.

    A new home is closed to other accounts, except for root, whose PostgreSQL runs as another account that has
    to pass through; what is secret in it is protected file by file.

    Raises:
        OSError: The folder cannot be made.
    """
    if not home.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755 if os.geteuid() == 0 else 0o700)
    return home
