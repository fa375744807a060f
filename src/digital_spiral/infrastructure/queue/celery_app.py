"""The queue of tasks: Celery on Redis.

State and leases of runs live in PostgreSQL, and a sweep that comes round every second sends whatever is unfinished
and held by nobody. Messages therefore may get lost, come twice, or expire; Celery's own redelivery, which takes over
an hour after the death of a worker's main process, is never waited for.
"""

import asyncio
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.queue.message import IDS, MessageTracing, ids_of_context, stamp_messages
from digital_spiral.infrastructure.queue.refusals import queue_refusal

RUN_BACKFILL = "digital_spiral.run_backfill"
SWEEP = "digital_spiral.sweep"
QUEUE = "digital-spiral"

RUN_EXPIRES_SECONDS = 60
"""A run that no worker has begun by then is sent anew by the sweep; so messages do not pile up at busy workers."""
SWEEP_EXPIRES_SECONDS = 10

_SETTINGS = {
    "accept_content": ["json"],
    "beat_scheduler": "digital_spiral.infrastructure.queue.sweep_schedule:SweepSchedule",
    "broker_channel_error_retry": True,  # a Redis that refuses a command, for want of memory, must not end the worker
    "broker_connection_max_retries": None,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"socket_connect_timeout": 5, "visibility_timeout": 3600},
    "result_backend": None,
    "task_acks_late": True,
    "task_default_queue": QUEUE,
    "task_ignore_result": True,
    "task_reject_on_worker_lost": True,
    "task_serializer": "json",
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "worker_consumer": "digital_spiral.infrastructure.queue.consumer:PatientConsumer",
    "worker_enable_remote_control": False,
    "worker_prefetch_multiplier": 1,
    "worker_redirect_stdouts": False,
}


def create_celery(broker_url: str, *, sweep_seconds: float = 1.0) -> Celery:
    """The Celery application on a broker; connects when it is first used.

    Args:
        broker_url: Redis in Kombu's form, ``redis://...`` or ``redis+socket:///path``.
        sweep_seconds: How often beat asks for a sweep.
    """
    app = Celery("digital_spiral", broker=broker_url, set_as_current=False)
    app.conf.update(_SETTINGS)
    app.conf.beat_schedule = {
        "sweep": {"task": SWEEP, "schedule": sweep_seconds, "options": {"expires": SWEEP_EXPIRES_SECONDS}}
    }
    stamp_messages()
    return app


class CeleryRunQueue:
    """Sends runs to the workers; implements ``ports.RunQueue``."""

    def __init__(self, app: Celery, tracing: MessageTracing | None = None) -> None:
        self._app = app
        self._tracing = tracing

    async def enqueue_run(self, tenant_id: UUID, run_id: UUID) -> None:
        """Ask for a worker.

        Raises:
            Unavailable: Redis does not take the message.
        """
        await asyncio.to_thread(self._send, str(tenant_id), str(run_id))

    def _send(self, tenant_id: str, run_id: str) -> None:
        headers: dict[str, Any] = {IDS: ids_of_context() | {"tenant_id": tenant_id, "run_id": run_id}}
        surrounding = self._tracing.publishing(RUN_BACKFILL, headers) if self._tracing else nullcontext()
        arguments = [tenant_id, run_id]
        try:
            with surrounding:
                self._app.send_task(
                    RUN_BACKFILL, args=arguments, headers=headers, expires=RUN_EXPIRES_SECONDS, retry=False
                )
        except (OperationalError, RedisError, OSError) as error:
            raise Unavailable(queue_refusal(error)) from error
