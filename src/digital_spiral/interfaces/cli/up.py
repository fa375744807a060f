"""`digital-spiral up`: servers, API, worker and beat by one command, kept running until it is stopped."""

import asyncio
import logging
import os
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import orjson
import typer

from digital_spiral.interfaces.cli.api import READY as API_READY
from digital_spiral.interfaces.cli.interruption import in_thread, interruptible, only_one
from digital_spiral.interfaces.cli.log_stream import LogStream
from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import SUCCESS, Output, reported
from digital_spiral.interfaces.cli.runtime import Runtime
from digital_spiral.interfaces.cli.supervisor import Service, supervise, watch

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

# The API answers what is in flight for up to 10 seconds. With the 8 and 6 seconds that PostgreSQL gets for a fast and
# for an immediate shutdown, all ends within 30.
API_GRACE_SECONDS = 11.0
GRACE_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.1
POLL_SECONDS = 10.0
ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        api: Options for the API.
        worker: Options for the worker.
        home_option: How other commands are told of the same home, with a space before it.
        output: Where it is said that everything works.
        stream: The merged log.
    """

    api: list[str]
    worker: list[str]
    home_option: str
    output: Output
    stream: LogStream


@dataclass
class Api:
    """The command of the API, and the address that it told.

    The first start may choose a free port; later ones have to be found where the first one was.
    """

    options: list[str]
    address: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def arguments(self) -> list[str]:
        """Return the options of the next start."""
        if not self.address.done():
            return self.options
        port = urlsplit(self.address.result()).port
        return [*self.options, "--port", str(port)]

    def heard(self, line: bytes) -> None:
        """Take note of the line in which the API says that it is ready."""
        text = line.decode("utf-8", errors="replace")
        if text.startswith(API_READY) and not self.address.done():
            self.address.set_result(text.removeprefix(API_READY).strip())


@reported
def up(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", help="Address the API listens on. Default: DIGITAL_SPIRAL_API_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Its port, 0 for a free one. Default: DIGITAL_SPIRAL_API_PORT."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", min=1, max=64, help="Processes of the worker. Default: DIGITAL_SPIRAL_WORKER_CONCURRENCY."
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Run everything: PostgreSQL and Redis (embedded, unless yours are named), migrations, API, worker and beat.

    What dies is started again. The log of all of them goes to stderr. Ctrl-C or SIGTERM stops everything in order:
    requests in flight are answered, a run that is interrupted goes on at the next start.
    """
    context = context_of(ctx)
    runtime = context.runtime(home)
    wanted = Wanted(
        api=(["--host", host] if host is not None else []) + (["--port", str(port)] if port is not None else []),
        worker=["--concurrency", str(concurrency)] if concurrency is not None else [],
        home_option=f" --home {shlex.quote(str(runtime.home))}" if home or context.home else "",
        output=Output(as_json=as_json),
        stream=LogStream(json=runtime.begin_log("up")),
    )
    asyncio.run(interruptible(_up(runtime, wanted), interrupted=SUCCESS))


async def _up(runtime: Runtime, wanted: Wanted) -> int:
    """Run everything until it is cancelled, or a part cannot start."""
    started: list[bool] = []
    runtime.make_home()
    with only_one(runtime.home, "up"):
        try:
            log.info("Starting the servers in %s", runtime.home)
            # The outcome is kept even when the wait for it is interrupted.
            await in_thread(lambda: started.append(runtime.start_servers()))
            await in_thread(lambda: _migrate(runtime))
            runtime.clear_metrics()
            await _run(runtime, wanted)
        finally:
            if any(started):
                stopped = await in_thread(runtime.stop_servers)
                log.info("Stopped %s", " and ".join(stopped))
    return SUCCESS


def _migrate(runtime: Runtime) -> None:
    """Bring the schema to the newest revision; the owner's address is not needed when it is there already."""
    revision = runtime.revision()
    if revision.current != revision.head:
        runtime.upgrade("head")
        log.info("Brought the schema from revision %s to %s", revision.current or "none", revision.head)


async def _run(runtime: Runtime, wanted: Wanted) -> None:
    home, api, stream = ["--home", str(runtime.home)], Api(wanted.api), wanted.stream
    servers = await in_thread(runtime.embedded_servers)

    def hear(service: str, pid: int, line: bytes) -> None:
        if service == "api":
            api.heard(line)
        stream.child(service, pid, line)

    await supervise(
        [
            [(Service("api", lambda: ["digital_spiral", "api", *home, *api.arguments()], hear), API_GRACE_SECONDS)],
            [
                (Service("worker", lambda: ["digital_spiral", "worker", *home, *wanted.worker], hear), GRACE_SECONDS),
                (Service("beat", lambda: ["digital_spiral", "beat", *home], hear), GRACE_SECONDS),
            ],
        ],
        [*(watch(server, stream.server) for server in servers), _tell(api, runtime, wanted)],
    )


async def _tell(api: Api, runtime: Runtime, wanted: Wanted) -> None:
    """Say so once everything works, then log whenever that changes."""
    import httpx2  # the help of all commands does without it

    address = await api.address
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
        said = False
        faults: str | None = "not asked yet"
        while True:
            before, faults = faults, await _faults(client, address)
            if faults is None and not said:
                said = True
                told = {"api_url": address, "home": str(runtime.home), "pid": os.getpid()}
                wanted.output.answer(told, *_ready(address, wanted.home_option))
            elif faults != before:
                _log_readiness(faults)
            await asyncio.sleep(POLL_SECONDS if said else FIRST_POLL_SECONDS)


def _log_readiness(faults: str | None) -> None:
    if faults is None:
        log.info("Ready again")
    else:
        log.warning("Not ready: %s", faults)


async def _faults(client: "httpx2.AsyncClient", address: str) -> str | None:
    """Return what the API says is wrong with the installation, None when nothing is."""
    import httpx2

    try:
        answer = await client.get(f"{_reachable(address)}/healthz")
    except httpx2.HTTPError as error:
        return f"the API does not answer ({type(error).__name__})"
    if answer.status_code == httpx2.codes.OK:
        return None
    try:
        checks = orjson.loads(answer.content)["checks"]
        return "; ".join(f"{check['name']}: {check['detail']}" for check in checks if not check["ok"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"the API answers {answer.status_code}"


def _reachable(address: str) -> str:
    """Return the address to ask at: one that stands for all of a machine's addresses is none to connect to."""
    return address.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")


def _ready(address: str, home_option: str) -> list[str]:
    return [
        f"Digital Spiral is up: {address} (described in {address}/openapi.json)",
        f"A key for it: digital-spiral keys create NAME{home_option}",
        f"To stop everything: Ctrl-C, or kill {os.getpid()}",
    ]


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: digital-spiral up --port 8080")(up)
