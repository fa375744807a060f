"""The process that serves the API."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from digital_spiral.bootstrap import telemetry
from digital_spiral.bootstrap.listening import listen, url_of
from digital_spiral.bootstrap.processes import GRACE_SECONDS, STOP_SIGNALS, run_processes
from digital_spiral.bootstrap.readiness import build_readiness
from digital_spiral.bootstrap.services import build_services, check_database
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.embedded.servers import Servers, ensure_servers
from digital_spiral.infrastructure.garbage import collect_seldom
from digital_spiral.interfaces.rest.app import build_api
from digital_spiral.interfaces.rest.operations import Operations

if TYPE_CHECKING:
    from digital_spiral.infrastructure.observability.metrics import Metrics


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready, and does not end by the signal that told it to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept requests."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in good order on SIGTERM and SIGINT for as long as the context lasts."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


def serve(settings: Settings, address: tuple[str, int], processes: int, ready: Callable[[str], None]) -> None:
    """Serve the API until SIGTERM or SIGINT.

    Args:
        settings: The settings.
        address: Host and port to listen on; port 0 takes a free one.
        processes: How many answer requests; from two on this one only watches them.
        ready: Called with the API's address as soon as it accepts requests.

    Raises:
        Unavailable: The address cannot be listened on, or a server does not answer.
        Misconfigured: The database is one on which the product must not, or cannot, run.
    """
    telemetry.begin_log(settings, "api")
    servers = ensure_servers(settings)
    asyncio.run(check_database(servers))
    listeners = listen(*address, processes)

    def work(listener: socket.socket, is_ready: Callable[[], None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, servers, listener, is_ready))

    def all_ready() -> None:
        ready(url_of(address[0], listeners[0]))

    if processes == 1:
        work(listeners[0], all_ready)
    else:
        run_processes(listeners, work, all_ready)


async def _serve(settings: Settings, servers: Servers, listener: socket.socket, ready: Callable[[], None]) -> None:
    metrics = telemetry.open_metrics(telemetry.metrics_folder(settings), "api")
    tracing = telemetry.open_tracing(settings, "api")
    services = build_services(settings, servers, metrics, tracing)
    api = build_api(services, _operations(settings, servers, metrics))
    collect_seldom()  # what has been made by now stays, and looking through it would hold up requests
    config = uvicorn.Config(
        tracing.wrap_asgi(api) if tracing else api,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # the API writes its own
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    try:
        await Server(config, ready).serve([listener])
    finally:
        await services.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.shutdown)


def _operations(settings: Settings, servers: Servers, metrics: "Metrics") -> Operations:
    return Operations(
        version=version("digital-spiral"),
        readiness=build_readiness(servers),
        render_metrics=telemetry.metrics_renderer(metrics, servers),
        metrics_token=settings.metrics_token.get_secret_value() if settings.metrics_token else None,
        observe_request=metrics.api_request,
    )
