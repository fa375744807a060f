"""How far a project is copied without a gap, while batches end in any order."""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Segment:
    """A stretch of listed ids that ends at ``last``; ``listed`` counts them."""

    last: int
    listed: int
    closed: bool = False


@dataclass(slots=True)
class Checkpoint:
    """The largest id below which everything listed is settled.

    Segments are opened in ascending order of their ids and closed in any order; the position moves only over closed
    segments that no open one precedes. A run that resumes at the position leaves nothing out.
    """

    position: int
    _segments: deque[Segment] = field(default_factory=deque)

    def open(self, last: int, listed: int) -> Segment:
        """Note ids up to ``last`` as under way; ``last`` has to be above every id noted before."""
        if last <= (self._segments[-1].last if self._segments else self.position):
            raise ValueError("segments are opened in ascending order of their ids")
        segment = Segment(last, listed)
        self._segments.append(segment)
        return segment

    def close(self, segment: Segment) -> int:
        """Note a segment as settled; returns how many listed ids the position passed thereby."""
        segment.closed = True
        passed = 0
        while self._segments and self._segments[0].closed:
            settled = self._segments.popleft()
            self.position = settled.last
            passed += settled.listed
        return passed
