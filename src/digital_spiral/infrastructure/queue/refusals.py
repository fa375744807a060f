"""What Redis refuses, in sentences, and refusals that come every second, logged once in a while."""

import logging
import time

from redis.exceptions import ResponseError

REPEAT_SECONDS = 60.0
"""A refusal that comes again within this time is not logged again."""


def queue_refusal(error: BaseException) -> str:
    """What keeps a message from being sent, and what to do about it.

    Kombu and Celery wrap what Redis says, so the errors behind ``error`` are looked at, too.
    """
    said: BaseException | None = error
    while said is not None:
        if isinstance(said, ResponseError):
            return (
                f"The queue (Redis) takes no messages: {str(said).rstrip('.')}. Runs that wait go on once it does; "
                "if its memory is full, make room or raise its maxmemory."
            )
        said = said.__cause__ or said.__context__
    return f"The queue (Redis) does not answer: {str(error).rstrip('.')}. Is it running? Check REDIS_URL."


class Refusals:
    """Logs refusals, each of them once a minute at most. The sweep comes round every second, outages last longer."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, float] = {}

    def tell(self, refusal: str) -> None:
        """Log a refusal, unless it was logged just now."""
        now = time.monotonic()
        self._told = {said: at for said, at in self._told.items() if now - at < REPEAT_SECONDS}
        if refusal not in self._told:
            self._told[refusal] = now
            self._log.warning("%s", refusal)
