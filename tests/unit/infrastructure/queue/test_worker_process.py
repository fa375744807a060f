"""What a worker process keeps between tasks, and what its tasks call."""

import asyncio
import logging
import signal
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import pytest
import structlog

from digital_spiral.application.services import Services
from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.queue.celery_app import RUN_BACKFILL, SWEEP, create_celery
from digital_spiral.infrastructure.queue.tasks import register_tasks
from digital_spiral.infrastructure.queue.worker_process import WorkerProcess


class Recorder:
    """Stands for the use cases; remembers what was called, and on which event loop."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.loops: set[int] = set()
        self.refusal: Exception | None = None

    async def note(self, *call: object) -> None:
        self.calls.append(call)
        self.loops.add(id(asyncio.get_running_loop()))
        if self.refusal is not None:
            raise self.refusal

    def services(self) -> tuple[Services, None]:
        async def run(tenant_id: UUID, run_id: UUID) -> None:
            await self.note("run", tenant_id, run_id)

        async def sweep() -> int:
            await self.note("sweep")
            return 0

        async def close() -> None:
            await self.note("close")

        use_cases = SimpleNamespace(
            run_backfill=SimpleNamespace(run=run), sweep=SimpleNamespace(sweep=sweep), close=close
        )
        return cast("Services", use_cases), None


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def process(recorder: Recorder) -> WorkerProcess:
    return WorkerProcess(recorder.services)


def test_tasks_run_one_use_case_each_on_one_event_loop(recorder: Recorder, process: WorkerProcess) -> None:
    app = create_celery("redis://127.0.0.1:1/0")
    register_tasks(app, process)
    tenant_id, run_id = uuid4(), uuid4()
    process.start()
    app.tasks[RUN_BACKFILL].run(str(tenant_id), str(run_id))
    app.tasks[SWEEP].run()
    process.stop()
    assert recorder.calls == [("run", tenant_id, run_id), ("sweep",), ("close",)]
    assert len(recorder.loops) == 1


def test_a_refusal_is_logged_as_its_sentence(
    recorder: Recorder, process: WorkerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    process.start()
    recorder.refusal = Unavailable("PostgreSQL is away.")
    with caplog.at_level(logging.WARNING):
        process.run(lambda services: services.sweep.sweep())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "PostgreSQL is away. (unavailable)")
    ]
    recorder.refusal = None
    process.stop()


def test_a_bug_goes_up(recorder: Recorder, process: WorkerProcess) -> None:
    process.start()
    recorder.refusal = KeyError("a bug")
    with pytest.raises(KeyError):
        process.run(lambda services: services.sweep.sweep())
    recorder.refusal = None
    process.stop()


def test_sigterm_ends_a_working_process_at_once(process: WorkerProcess) -> None:
    async def look(_services: Services) -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    seen: list[object] = []
    before = signal.getsignal(signal.SIGTERM)
    process.start()
    process.run(look)
    assert seen == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGTERM) == before
    process.stop()


def test_each_task_runs_in_the_context_of_its_own_message(process: WorkerProcess) -> None:
    async def look(_services: Services) -> None:
        seen.append(structlog.contextvars.get_contextvars())
        structlog.contextvars.bind_contextvars(left="behind")

    seen: list[dict[str, object]] = []
    process.start()
    for request_id in ("r1", "r2"):
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            process.run(look)
    process.stop()
    assert seen == [{"request_id": "r1"}, {"request_id": "r2"}]


def test_nothing_runs_before_start_or_after_stop(recorder: Recorder, process: WorkerProcess) -> None:
    with pytest.raises(RuntimeError, match="start"):
        process.run(lambda services: services.sweep.sweep())
    process.stop()
    assert recorder.calls == []
    process.start()
    process.stop()
    process.stop()
    assert recorder.calls == [("close",)]


def test_the_application_relies_on_nothing_that_redis_remembers() -> None:
    app = create_celery("redis://127.0.0.1:1/0", sweep_seconds=0.5)
    assert app.conf.beat_schedule["sweep"]["schedule"] == 0.5
    assert app.conf.beat_schedule["sweep"]["task"] == SWEEP
    assert app.conf.result_backend is None
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
