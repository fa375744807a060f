"""The files that hold issues, one JSON object a line, plain or compressed."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = (".jsonl", ".jsonl.gz")


class DataNotFoundError(ValueError):
    """A path given as data does not exist, or holds no issues file. The message names it."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out; ``line`` counts from 1."""

    file: str
    line: int
    reason: str


def issue_files(paths: Sequence[Path]) -> list[Path]:
    """The files behind the paths, in order; a folder stands for its issue files, sorted by name.

    In a folder the files named ``issues-*`` are meant if there are any, else every ``.jsonl`` and ``.jsonl.gz``.

    Raises:
        DataNotFoundError: If a path does not exist, is neither such a file nor a folder, or a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(_SUFFIXES))
            named = [file for file in inside if file.name.startswith("issues-")]
            if not inside:
                raise DataNotFoundError(f"no .jsonl or .jsonl.gz file in folder {path}")
            files.extend(named or inside)
        elif not path.is_file():
            raise DataNotFoundError(f"no such file or folder: {path}")
        elif not path.name.endswith(_SUFFIXES):
            raise DataNotFoundError(f"not a .jsonl or .jsonl.gz file: {path}")
        else:
            files.append(path)
    return files


def read_lines(file: Path, bad_lines: list[BadLine]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, with their numbers.

    A file that breaks off (a damaged archive) ends there; the line that could not be read is added to ``bad_lines``.
    """
    count = 0
    try:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as lines:
            for count, line in enumerate(lines, 1):
                if not line.isspace():
                    yield count, line
    except (EOFError, OSError, zlib.error) as error:
        bad_lines.append(BadLine(str(file), count + 1, f"file cannot be read further: {error}"))
