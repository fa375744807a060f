"""What the commands need from the rest of the program. The composition root fills it in."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

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
class Session:
    """The use cases on one open database.

    Attributes:
        services: The use cases.
        find_tenant: Id of the tenant with this name or id, or of the only tenant when none is given.
        psql_command: A shell line that opens psql with a tenant's rows in sight; None for an external database.
    """

    services: Services
    find_tenant: Callable[[str | None], Awaitable[UUID]]
    psql_command: Callable[[UUID], str | None]


@dataclass(frozen=True)
class Runtime:
    """The program below the commands, bound to one home.

    Attributes:
        home: The folder in use.
        jira_token: The API token that the environment holds for `connect`.
        open_session: Start the servers if need be, check role and schema, and open the use cases.
        start_servers: Start the embedded servers; returns whether this call started all of them.
        stop_servers: Stop the embedded servers; returns the names of those that were running.
        erase: Stop the embedded servers and delete their data; returns the deleted paths.
        upgrade: Bring the schema to a revision.
        downgrade: Take the schema back to a revision.
        revision: Read where the schema stands.
        work: Run a worker with so many processes (None: as configured) until it is told to stop; returns its exit
            status.
        beat: Ask for the sweep for abandoned runs until told to stop.
        diagnose: Look at everything a working installation needs.
    """

    home: Path
    jira_token: str | None = field(repr=False)
    open_session: Callable[[], AbstractAsyncContextManager[Session]]
    start_servers: Callable[[], bool]
    stop_servers: Callable[[], list[str]]
    erase: Callable[[], list[Path]]
    upgrade: Callable[[str], None]
    downgrade: Callable[[str], None]
    revision: Callable[[], Revision]
    work: Callable[[int | None], int]
    beat: Callable[[], None]
    diagnose: Callable[[], Coroutine[object, object, list[Check]]]


OpenRuntime = Callable[[Path | None], Runtime]
"""Binds the program to the home given on the command line, or to the configured one."""
