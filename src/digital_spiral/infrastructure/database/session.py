"""Connections to PostgreSQL, and the one place where its errors become the product's own.

``create_engine`` makes the pool; ``connect`` takes a connection from it; ``translating_errors`` wraps whatever runs on
one. Errors that are neither the installation's fault nor a contradiction of the request are bugs and pass unchanged.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol

import asyncpg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from digital_spiral.domain.errors import Conflict, Invalid, Misconfigured, SpiralError, Unavailable
from digital_spiral.infrastructure.database.traced_connection import TracedConnection

APPLICATION_NAME = "digital-spiral"
CONNECT_SECONDS = 10.0

_ADDRESSES = "Check DATABASE_URL (and DATABASE_OWNER_URL)."
_STOPPED = "PostgreSQL closed the connection; it is stopping, restarting, or was told to end it. Try again."

_UNAVAILABLE = {
    "25006": (
        "PostgreSQL takes no writes just now: it is a standby, or was made read-only because its disk is full. "
        "Point DATABASE_URL at the primary, or make space."
    ),
    "40001": "Another transaction was in the way. Try again.",
    "40P01": "Two transactions blocked each other. Try again.",
    "53100": "PostgreSQL's disk is full. Make space on the volume that holds its data, then try again.",
    "53200": "PostgreSQL ran out of memory. Try again, or give its server more.",
    "53300": "PostgreSQL has no connection left. Raise its max_connections or run fewer workers.",
    "57014": "PostgreSQL cancelled the statement because it took too long.",
    "57P01": _STOPPED,
    "57P02": _STOPPED,
    "57P03": "PostgreSQL is still starting, or shutting down. Try again in a moment.",
    "57P05": _STOPPED,
}
_UNAVAILABLE_CLASSES = {
    "08": "The connection to PostgreSQL broke. Try again.",
    "53": "PostgreSQL lacks resources.",
    "58": "PostgreSQL's server has an error below it (files or system).",
}
_MISCONFIGURED = {
    "28000": f"PostgreSQL does not let this role in. {_ADDRESSES}",
    "28P01": f"PostgreSQL refused the role or its password. {_ADDRESSES}",
    "3D000": f"PostgreSQL has no such database. {_ADDRESSES}",
    "42501": "The role lacks a right in PostgreSQL. `digital-spiral doctor` shows how the roles have to be.",
    "42703": "The tables are not those of this version. Run `digital-spiral db upgrade`.",
    "42P07": "The database already holds a table of that name that is not ours. Use a database that is empty.",
    "42P01": "The tables are missing. Run `digital-spiral db upgrade`.",
}
_CANNOT_HOLD = "PostgreSQL cannot hold a value."
_INVALID = {
    "22001": _CANNOT_HOLD,  # too long
    "22003": _CANNOT_HOLD,  # out of range
    "22007": _CANNOT_HOLD,  # no date
    "22008": _CANNOT_HOLD,  # a date out of range
    "22021": _CANNOT_HOLD,  # a character that UTF-8 does not have
    "22P02": _CANNOT_HOLD,  # text in another form, for instance no JSON
    "22P05": _CANNOT_HOLD,  # NUL inside JSON
    "54000": "A value is beyond a limit of PostgreSQL.",
}
_CONFLICTS = {
    "23503": "Something this refers to does not exist, or does no longer.",
    "23505": "Something with this name or identity exists already.",
}


class PoolWatch(Protocol):
    """Is told how a pool of connections fares."""

    def pool(self, size: int, in_use: int, overflow: int) -> None:
        """Its connections: kept open at most, in use, and open beyond the first number."""

    def waited_for_connection(self, seconds: float) -> None:
        """A connection was had after so many seconds."""


TraceStatement = Callable[[str], AbstractContextManager[object]]
"""Surrounds a statement on the driver's own connection, given its text."""

_WATCH, _TRACE = "digital_spiral_watch", "digital_spiral_trace"


def create_engine(
    url: str,
    *,
    pool_size: int = 10,
    max_overflow: int = 0,
    application_name: str = APPLICATION_NAME,
    watch: PoolWatch | None = None,
    trace: TraceStatement | None = None,
) -> AsyncEngine:
    """Make a pool of connections to ``url`` (SQLAlchemy's form); nothing is connected yet.

    A connection beyond ``pool_size`` is closed when it comes back, and the next one costs a new process of the server
    and every prepared statement again; so by default there is none. The connection used last is used next.

    Raises:
        Misconfigured: The address cannot be read.
    """
    engine = create_async_engine(
        _parsed(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_use_lifo=True,
        connect_args=_connect_arguments(application_name),
        execution_options={_WATCH: watch, _TRACE: trace},
    )
    if watch is not None:
        _watch_pool(engine.pool, pool_size, watch)
    return engine


def _watch_pool(pool: sa.Pool, size: int, watch: PoolWatch) -> None:
    assert isinstance(pool, sa.QueuePool)  # noqa: S101 - what an engine has unless it is told otherwise

    def tell(in_use: int) -> None:
        watch.pool(size, in_use, max(0, pool.overflow()))

    @sa.event.listens_for(pool, "checkout")
    def taken(*_: object) -> None:
        tell(pool.checkedout())

    @sa.event.listens_for(pool, "checkin")
    def given_back(*_: object) -> None:
        tell(pool.checkedout() - 1)  # the pool still counts the one that comes back


def create_single_engine(
    url: str | sa.URL, *, application_name: str = APPLICATION_NAME, settings: dict[str, str] | None = None
) -> AsyncEngine:
    """Make an engine without a pool: each connection is opened for its user and really closed after it.

    Args:
        url: The address, in SQLAlchemy's form.
        application_name: What the server calls the connection.
        settings: Server settings of the session, by name.

    Raises:
        Misconfigured: The address cannot be read.
    """
    return create_async_engine(
        _parsed(url), poolclass=NullPool, connect_args=_connect_arguments(application_name, settings)
    )


@asynccontextmanager
async def connect(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of ``engine``; what happens on it is translated as ``translating_errors`` does.

    Raises:
        Unavailable: The server cannot be reached, or has no connection left.
        Misconfigured: The server refuses the role, its password or the database.
    """
    watch: PoolWatch | None = engine.get_execution_options().get(_WATCH)
    began = time.perf_counter()
    with translating_errors():
        async with AsyncExitStack() as opened:
            with reaching(engine):
                connection = await opened.enter_async_context(engine.connect())
            if watch is not None:
                watch.waited_for_connection(time.perf_counter() - began)
            yield connection


async def driver_connection(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection below ``connection``, inside the same transaction."""
    driver = (await connection.get_raw_connection()).driver_connection
    trace: TraceStatement | None = connection.engine.get_execution_options().get(_TRACE)
    return driver if trace is None else TracedConnection(driver, trace)


@contextmanager
def reaching(engine: AsyncEngine) -> Iterator[None]:
    """Turn what the system says when ``engine`` connects into ``Unavailable`` with the address that was tried."""
    try:
        yield
    except OSError as error:
        raise _unreachable(engine, error) from error
    except exc.StatementError as error:  # what SQLAlchemy makes of it when a statement had to connect anew
        if isinstance(error.orig, OSError):
            raise _unreachable(engine, error.orig) from error
        raise


@contextmanager
def translating_errors() -> Iterator[None]:
    """Turn errors of SQLAlchemy and asyncpg that leave the block into ``SpiralError``.

    Raises:
        Unavailable: The server, or the connection to it, does not work just now.
        Misconfigured: Address, role, rights or tables are wrong.
        Conflict: The rows contradict others that are there.
        Invalid: A value is one that no column can hold.
    """
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


def _parsed(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError):  # the second is a port that is no number
        raise Misconfigured(
            f"The address of the database cannot be read; it looks like postgresql://role:password@host:5432/database. "
            f"{_ADDRESSES}"
        ) from None
    return parsed.set(drivername="postgresql+asyncpg")


def _connect_arguments(application_name: str, settings: dict[str, str] | None = None) -> dict[str, object]:
    return {
        "timeout": CONNECT_SECONDS,
        "server_settings": {"application_name": application_name, "timezone": "UTC", **(settings or {})},
    }


def _unreachable(engine: AsyncEngine, error: OSError) -> Unavailable:
    where = engine.url.render_as_string(hide_password=True).replace("+asyncpg", "", 1)
    reason = str(error) or f"no answer within {CONNECT_SECONDS:.0f} s"
    return Unavailable(f"PostgreSQL cannot be reached at {where} ({reason}). Is it running? {_ADDRESSES}")


def _translated(error: Exception) -> SpiralError | None:
    """The product's error for one of the drivers', or None for a bug."""
    if isinstance(error, exc.TimeoutError):
        return Unavailable("Every connection to PostgreSQL is in use and none came free in time. Try again.")
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(origin, "sqlstate", None) or ""
    said = _server_message(origin)
    if state in _UNAVAILABLE or state[:2] in _UNAVAILABLE_CLASSES:
        return Unavailable(_with(_UNAVAILABLE.get(state) or _UNAVAILABLE_CLASSES[state[:2]], said))
    if state in _MISCONFIGURED:
        return Misconfigured(_with(_MISCONFIGURED[state], said))
    if state in _CONFLICTS:
        return Conflict(_with(_CONFLICTS[state], said))
    if _cannot_be_sent(origin):
        return Invalid(_CANNOT_HOLD)
    if state in _INVALID:
        return Invalid(_with(_INVALID[state], said))
    if _is_broken(error):
        return Unavailable(_with(_UNAVAILABLE_CLASSES["08"], said))
    return None


def _cannot_be_sent(error: BaseException | None) -> bool:
    """Whether the driver itself found a value, of the right type, beyond what the parameter's type holds."""
    while error is not None and not isinstance(error, asyncpg.DataError):
        error = error.__cause__
    return error is not None and isinstance(error.__cause__, OverflowError | ValueError)


def _is_broken(error: Exception) -> bool:
    """Whether the connection, not the statement, is what failed."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    # The last is what asyncpg says of a connection that was lost in the middle of a COPY.
    phrases = ("connection is closed", "connection was closed", "another operation is in progress")
    interface_error = isinstance(error, exc.InterfaceError | asyncpg.InterfaceError)
    return interface_error and any(phrase in str(error) for phrase in phrases)


def _server_message(origin: object) -> str:
    """What the driver says, without the name of its class in front."""
    text = str(origin).strip()
    return text.rsplit(">: ", 1)[-1] if text.startswith("<class ") else text


def _with(sentence: str, said: str) -> str:
    return f"{sentence} (PostgreSQL: {said.rstrip('.')}.)" if said else sentence
