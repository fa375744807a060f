"""What is said of a queue that does not take messages, and how often."""

import logging

import pytest
from celery.beat import SchedulingError
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from digital_spiral.infrastructure.queue import refusals
from digital_spiral.infrastructure.queue.celery_app import create_celery
from digital_spiral.infrastructure.queue.refusals import Refusals, queue_refusal
from digital_spiral.infrastructure.queue.sweep_schedule import SweepSchedule

FULL = "command not allowed when used memory > 'maxmemory'."


def wrapped(error: Exception) -> Exception:
    """An error of Redis as Kombu hands it on."""
    try:
        raise OperationalError(str(error)) from error
    except OperationalError as outer:
        return outer


def test_a_redis_without_memory_is_told_from_one_that_is_gone() -> None:
    for error in (OutOfMemoryError(FULL), wrapped(OutOfMemoryError(FULL))):
        assert "takes no messages" in queue_refusal(error)
        assert "maxmemory" in queue_refusal(error)
    for error in (RedisConnectionError("refused"), wrapped(RedisConnectionError("refused"))):
        assert queue_refusal(error) == "The queue (Redis) does not answer: refused. Is it running? Check REDIS_URL."


def test_a_refusal_is_said_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("digital_spiral.infrastructure.queue.refusals.time.monotonic", lambda: now)
    told = Refusals(logging.getLogger("queue"))
    for _ in range(100):
        told.tell("It is full.")
    told.tell("It is gone.")
    assert [record.getMessage() for record in caplog.records] == ["It is full.", "It is gone."]
    now += refusals.REPEAT_SECONDS
    told.tell("It is full.")
    assert [record.getMessage() for record in caplog.records][2:] == ["It is full."]


def test_beat_goes_on_when_a_message_cannot_be_sent(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsendable(*_: object, **__: object) -> None:
        try:
            raise OutOfMemoryError(FULL)
        except OutOfMemoryError:
            raise SchedulingError("Couldn't apply scheduled task sweep") from None

    app = create_celery("redis+socket:///nowhere/redis.sock")
    schedule = SweepSchedule(app=app, lazy=True)
    schedule.setup_schedule()
    monkeypatch.setattr(schedule, "apply_async", unsendable)
    for _ in range(3):
        schedule.apply_entry(schedule.schedule["sweep"])
    app.close()
    assert len(caplog.records) == 1
    assert "takes no messages" in caplog.records[0].getMessage()
