"""When beat asks for a sweep, and what it says when the queue does not take the message."""

import logging

from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from kombu.messaging import Producer

from digital_spiral.infrastructure.queue.refusals import Refusals, queue_refusal

_refusals = Refusals(logging.getLogger(__name__))


class SweepSchedule(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's schedule, which keeps nothing on disk: a sweep too many or too few does no harm.

    A message that cannot be sent is left out, for the next one follows at once. Celery would log the whole stack each
    time, over ten kilobytes a second.
    """

    def apply_entry(self, entry: ScheduleEntry, producer: Producer | None = None) -> None:
        """Send the message of an entry that is due."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            _refusals.tell(queue_refusal(error))
