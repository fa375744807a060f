"""What waits in the queue."""

import time
from dataclasses import dataclass

import msgspec
import redis.asyncio

from digital_spiral.infrastructure.queue.celery_app import QUEUE
from digital_spiral.infrastructure.queue.message import SENT_AT


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages that no worker has taken: how many, and how many seconds ago the oldest was sent."""

    messages: int
    oldest_seconds: float


async def read_backlog(redis_url: str, time_out: float) -> Backlog:
    """Look at the queue without taking anything from it.

    Args:
        redis_url: Redis' address.
        time_out: Seconds to wait for an answer.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    client = redis.asyncio.from_url(redis_url, socket_timeout=time_out, socket_connect_timeout=time_out)
    try:
        # Kombu puts messages in on the left and takes them out on the right.
        together = client.pipeline()
        together.llen(QUEUE)
        together.lindex(QUEUE, -1)
        waiting, oldest = await together.execute()
    finally:
        await client.aclose()
    return Backlog(waiting, _seconds_since_sent(oldest))


def _seconds_since_sent(message: bytes | None) -> float:
    if message is None:
        return 0.0
    try:
        sent_at = msgspec.json.decode(message, type=_Message).headers.get(SENT_AT)
    except msgspec.DecodeError:  # a message of somebody else
        return 0.0
    return max(0.0, time.time() - sent_at) if isinstance(sent_at, int | float) else 0.0


class _Message(msgspec.Struct):
    headers: dict[str, object]
