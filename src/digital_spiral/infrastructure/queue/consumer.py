"""What a worker does when Redis dies, or answers but refuses."""

import logging
import time

from celery.worker.consumer import Consumer
from celery.worker.request import Request

from digital_spiral.infrastructure.queue.refusals import Refusals, queue_refusal

RECONNECT_SECONDS = 1.0

log = logging.getLogger(__name__)
_refusals = Refusals(log)


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, which would try again at once and log each time, many times a second."""

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        """Say what is wrong, and wait before the next attempt."""
        _refusals.tell(queue_refusal(exc))
        time.sleep(RECONNECT_SECONDS)


class AcknowledgedRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A request whose acknowledgement is either known to Redis or ends the connection.

    Celery logs one that fails and goes on; the message then counts as being worked on for ever, and a worker all of
    whose processes are thought to be busy takes no further one. It does not listen meanwhile, so it would never notice.
    """

    acknowledged = False

    def acknowledge(self) -> None:
        """Tell Redis that the message is done with; what it answers makes the consumer connect anew."""
        if not self.acknowledged:
            self._on_ack(log, ())
            self.acknowledged = True
