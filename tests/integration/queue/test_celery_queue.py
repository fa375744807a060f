"""Runs are sent to Redis as messages that expire."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import redis
import structlog
from celery import Celery

from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.embedded.redis import RedisServer, broker_url
from digital_spiral.infrastructure.queue.celery_app import (
    RUN_BACKFILL,
    RUN_EXPIRES_SECONDS,
    SWEEP,
    CeleryRunQueue,
    create_celery,
)

QUEUE = "digital-spiral"


@pytest.fixture
def address(redis_server: RedisServer, worker_id: str) -> str:
    """A database of its own for each process of the test run."""
    number = 1 + int(worker_id.removeprefix("gw") or 0) % 14 if worker_id != "master" else 15
    return redis_server.url.replace("db=0", f"db={number}")


@pytest.fixture
def broker(address: str) -> Iterator[redis.Redis]:
    client = redis.from_url(address)
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def app(address: str) -> Iterator[Celery]:
    celery = create_celery(broker_url(address))
    yield celery
    celery.close()


async def test_a_run_becomes_a_message_that_expires(app: Celery, broker: "redis.Redis") -> None:
    tenant_id, run_id = uuid4(), uuid4()
    sent = datetime.now(UTC)
    await CeleryRunQueue(app).enqueue_run(tenant_id, run_id)
    messages = broker.lrange(QUEUE, 0, -1)
    assert len(messages) == 1
    message = json.loads(messages[0])
    assert message["headers"]["task"] == RUN_BACKFILL
    assert message["content-type"] == "application/json"
    expires = datetime.fromisoformat(message["headers"]["expires"])
    assert abs((expires - sent).total_seconds() - RUN_EXPIRES_SECONDS) < 5
    assert str(tenant_id) in message["headers"]["argsrepr"]
    assert str(run_id) in message["headers"]["argsrepr"]


async def test_a_message_says_when_it_was_sent_and_whose_work_it_belongs_to(app: Celery, broker: "redis.Redis") -> None:
    tenant_id, run_id = uuid4(), uuid4()
    with structlog.contextvars.bound_contextvars(request_id="r1", key="abcd2345", tenant_id="another"):
        await CeleryRunQueue(app).enqueue_run(tenant_id, run_id)
    app.send_task(SWEEP)  # as beat does
    sweep, run = (json.loads(message)["headers"] for message in broker.lrange(QUEUE, 0, -1))
    assert run["ds_context"] == {"request_id": "r1", "tenant_id": str(tenant_id), "run_id": str(run_id)}
    assert sweep["ds_context"] == {}
    assert time.time() - 60 < run["sent_at"] <= sweep["sent_at"] <= time.time()
    assert "traceparent" not in run


async def test_a_queue_that_does_not_answer_is_a_sentence(redis_server: RedisServer) -> None:
    app = create_celery(broker_url(redis_server.url.replace(".sock", ".gone")))
    began = time.monotonic()
    with pytest.raises(Unavailable, match="REDIS_URL"):
        await CeleryRunQueue(app).enqueue_run(uuid4(), uuid4())
    assert time.monotonic() - began < 10
    app.close()
