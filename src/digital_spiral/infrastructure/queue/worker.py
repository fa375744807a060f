"""The two long-running processes of the queue: a worker, and beat, which asks for the sweep."""

import logging
import os
import signal
import warnings

from billiard.util import get_logger as get_pool_logger
from celery import Celery, signals
from celery.platforms import SecurityWarning
from celery.worker import state

from digital_spiral.infrastructure.orphans import die_with
from digital_spiral.infrastructure.queue.message import bind_ids_of_messages
from digital_spiral.infrastructure.queue.tasks import register_tasks
from digital_spiral.infrastructure.queue.worker_process import Build, WorkerProcess


def run_worker(app: Celery, build: Build, concurrency: int) -> int:
    """Run tasks until SIGTERM, SIGINT or SIGQUIT; returns the exit status.

    Stopping does not wait for a run's end, which may be hours away: the run is dropped where it is, and whoever
    takes it next resumes it.

    Args:
        app: The application whose queue is served.
        build: Builds the use cases, once in each process.
        concurrency: Number of processes.
    """
    process = WorkerProcess(build)
    register_tasks(app, process)

    main_process = os.getpid()

    def start(**_: object) -> None:
        die_with(main_process)
        process.start()

    def stop(**_: object) -> None:
        process.stop()

    signals.setup_logging.connect(_quiet)
    signals.worker_ready.connect(_stop_at_once)
    signals.worker_process_init.connect(start)
    signals.worker_process_shutdown.connect(stop)
    bind_ids_of_messages()
    # Celery warns root of pickled messages; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = app.Worker(
        concurrency=concurrency,
        pool_cls="prefork",
        quiet=True,
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def run_beat(app: Celery) -> None:
    """Ask for a sweep at the interval of the application, until SIGTERM or SIGINT."""
    signals.setup_logging.connect(_quiet)
    app.Beat(quiet=True).run()


def _quiet(**_: object) -> None:
    """Leave logging as it is configured, without a line for each sweep."""
    for name in ("celery", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It keeps to itself by default, and a process of the pool that dies would print its traceback.
    get_pool_logger().propagate = True


def _stop_at_once(**_: object) -> None:
    """Let the usual signals end the worker with its tasks.

    Celery's own ways either wait for tasks to end, or cancel them and then wait for those that were prefetched.
    """

    def stop(_number: int, _frame: object) -> None:
        state.should_terminate = os.EX_OK

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
