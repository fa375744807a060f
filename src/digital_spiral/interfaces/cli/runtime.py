"""What the commands need from the rest of the program. The composition root fills it in."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from digital_spiral.application.ports import Readiness
from digital_spiral.application.services import Services


@dataclass(frozen=True)
class Check:
    """One thing that `doctor` looked at; ``advice`` says what to do when it is not well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Revision:
    """Where the schema of the database stands, and where this version of the program needs it."""

    current: str | None
    head: str


@dataclass(frozen=True)
class EmbeddedServer:
    """An embedded server as it runs.

    Attributes:
        name: What it is called in log entries.
        pid: Process id.
        log: The file it writes its log into; each start begins it anew.
        is_alive: Whether that process still lives.
        restart: Starts the server when it does not run, and returns it as it runs then.
    """

    name: str
    pid: int
    log: Path
    is_alive: Callable[[], bool]
    restart: "Callable[[], EmbeddedServer]"


@dataclass(frozen=True)
class Session:
    """The use cases on one open database.

    Attributes:
        services: The use cases.
        find_tenant: Id of the tenant with this name or id, or of the only tenant when none is given.
        psql_command: A shell line that opens psql with a tenant's rows in sight; None for an external database.
        readiness: Looks at database, migrations and Redis.
    """

    services: Services
    find_tenant: Callable[[str | None], Awaitable[UUID]]
    psql_command: Callable[[UUID], str | None]
    readiness: Readiness


@dataclass(frozen=True)
class Runtime:
    """The program below the commands, bound to one home.

    Attributes:
        home: The folder in use.
        jira_token: The API token that the environment holds for `connect`.
        make_home: Make the home when it is missing.
        open_session: Start the servers if need be, check role and schema, and open the use cases.
        start_servers: Start the embedded servers; returns whether this call started all of them.
        embedded_servers: Start those that do not run, and return them all; external ones are not among them.
        stop_servers: Stop the embedded servers; returns the names of those that were running.
        erase: Stop the embedded servers and delete their data; returns the deleted paths.
        upgrade: Bring the schema to a revision.
        downgrade: Take the schema back to a revision.
        revision: Read where the schema stands.
        work: Run a worker with so many processes (None: as configured) until it is told to stop; returns its exit
            status.
        beat: Ask for the sweep for abandoned runs until told to stop.
        serve: Serve the API on a host and port, in so many processes (None: as configured), until told to stop; the
            function that is passed is called with its address as soon as it accepts requests.
        diagnose: Look at everything a working installation needs.
        begin_log: Write this process's log entries as the long-running commands do, under the name of a service;
            returns whether entries are JSON objects.
        clear_metrics: Forget what processes of an earlier start counted, unless one of them still runs.
    """

    home: Path
    jira_token: str | None = field(repr=False)
    make_home: Callable[[], None]
    open_session: Callable[[], AbstractAsyncContextManager[Session]]
    start_servers: Callable[[], bool]
    embedded_servers: Callable[[], list[EmbeddedServer]]
    stop_servers: Callable[[], list[str]]
    erase: Callable[[], list[Path]]
    upgrade: Callable[[str], None]
    downgrade: Callable[[str], None]
    revision: Callable[[], Revision]
    work: Callable[[int | None], int]
    beat: Callable[[], None]
    serve: Callable[[str | None, int | None, int | None, Callable[[str], None]], None]
    diagnose: Callable[[], Coroutine[object, object, list[Check]]]
    begin_log: Callable[[str], bool]
    clear_metrics: Callable[[], bool]


OpenRuntime = Callable[[Path | None], Runtime]
"""Binds the program to the home given on the command line, or to the configured one."""
