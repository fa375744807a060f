"""The tasks that workers run: one use case each."""

from uuid import UUID

from celery import Celery
from celery.app.task import Task

from digital_spiral.infrastructure.queue.celery_app import RUN_BACKFILL, SWEEP
from digital_spiral.infrastructure.queue.consumer import AcknowledgedRequest
from digital_spiral.infrastructure.queue.message import message_of
from digital_spiral.infrastructure.queue.worker_process import WorkerProcess


def register_tasks(app: Celery, process: WorkerProcess) -> None:
    """Give the application its tasks; they run on what ``process`` holds."""

    def run_backfill(task: Task, tenant_id: str, run_id: str) -> None:
        """Work on a run until it ends."""
        process.run(lambda services: services.run_backfill.run(UUID(tenant_id), UUID(run_id)), message_of(task))

    def sweep(task: Task) -> None:
        """Queue the runs that nobody works on."""
        process.run(lambda services: services.sweep.sweep(), message_of(task))

    app.task(name=RUN_BACKFILL, bind=True, Request=AcknowledgedRequest)(run_backfill)
    app.task(name=SWEEP, bind=True, Request=AcknowledgedRequest)(sweep)
