"""Random draws with the shapes that issue trackers show: skewed picks, heavy tails, instants within a span."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def pick(rng: Random, choices: Sequence[T]) -> T:
    """One of the choices, all equally likely; several times faster than ``Random.choice``."""
    return choices[int(rng.random() * len(choices))]


def pick_skewed(rng: Random, choices: Sequence[T]) -> T:
    """One of the choices, early ones far more often than late ones."""
    return choices[int(rng.random() ** 2.2 * len(choices))]


def heavy_tail(rng: Random, alpha: float, cap: int) -> int:
    """A count from 0 to ``cap`` of which most are 0 or 1 and a few are very large (Pareto)."""
    return min(cap, int(rng.paretovariate(alpha)) - 1)


def between(rng: Random, start: int, end: int) -> int:
    """An instant from ``start`` to before ``end`` (``start`` itself when the span is empty)."""
    return start + int(rng.random() * max(0, end - start))


def hex_digits(rng: Random, digits: int) -> str:
    """That many random hexadecimal digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def uuid(rng: Random) -> str:
    """A random identifier in the five groups of a UUID."""
    digits = hex_digits(rng, 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
