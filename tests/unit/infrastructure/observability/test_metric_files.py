"""Metric files of an earlier start are deleted, those of a running installation are not."""

import mmap
import os
from pathlib import Path

import pytest

from digital_spiral.infrastructure.observability.metric_files import clear_metric_files

NOBODY = 4_194_305
"""Beyond the largest process id of Linux."""


def test_the_past_is_forgotten(tmp_path: Path) -> None:
    for name in (f"counter_{NOBODY}.db", f"gauge_livesum_{NOBODY}.db", f"histogram_{os.getpid()}.db"):
        (tmp_path / name).write_bytes(b"x")
    stranger = tmp_path / "notes.txt"
    stranger.write_text("mine")
    assert clear_metric_files(tmp_path)
    assert list(tmp_path.iterdir()) == [stranger]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_files_of_a_living_process_keep_all(tmp_path: Path) -> None:
    used, old = tmp_path / f"counter_{os.getpid()}.db", tmp_path / f"counter_{NOBODY}.db"
    old.write_bytes(b"x")
    used.write_bytes(b"x" * mmap.PAGESIZE)
    with used.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        assert not clear_metric_files(tmp_path)
    assert used.exists()
    assert old.exists()
    assert clear_metric_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert clear_metric_files(tmp_path / "none")
