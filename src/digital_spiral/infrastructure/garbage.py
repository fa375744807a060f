"""How often Python looks for cycles among the objects of this process."""

import gc

_THRESHOLDS = (10_000, 20, 50)
"""Reading issues makes objects by the thousand that live as long as their batch. Looking for cycles among them after
every 700, as Python does by default, took a tenth of a worker's time and a sixth of a census's."""


def collect_seldom() -> None:
    """Look for cycles less often, and never again among the objects that exist now."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
