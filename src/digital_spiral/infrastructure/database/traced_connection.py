"""asyncpg's connection with a trace around each statement, for code that passes SQLAlchemy by."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import asyncpg


class TracedConnection:
    """Does what asyncpg's connection does; the statements that this package sends are surrounded by ``trace``."""

    def __init__(self, connection: asyncpg.Connection, trace: Callable[[str], AbstractContextManager[object]]) -> None:
        self._connection = connection
        self._trace = trace

    async def execute(self, query: str, *arguments: object, **options: object) -> str:
        """Run a statement; returns its tag."""
        with self._trace(query):
            tag: str = await self._connection.execute(query, *arguments, **options)
            return tag

    async def executemany(self, query: str, arguments: object, **options: object) -> None:
        """Run a statement for each of many sets of arguments."""
        with self._trace(query):
            await self._connection.executemany(query, arguments, **options)

    async def fetch(self, query: str, *arguments: object, **options: object) -> list[asyncpg.Record]:
        """Rows of a query."""
        with self._trace(query):
            rows: list[asyncpg.Record] = await self._connection.fetch(query, *arguments, **options)
            return rows

    async def fetchrow(self, query: str, *arguments: object, **options: object) -> asyncpg.Record | None:
        """The first row of a query."""
        with self._trace(query):
            return await self._connection.fetchrow(query, *arguments, **options)

    async def fetchval(self, query: str, *arguments: object, **options: object) -> Any:  # noqa: ANN401 - any column
        """A value of the first row of a query."""
        with self._trace(query):
            return await self._connection.fetchval(query, *arguments, **options)

    async def copy_records_to_table(self, table_name: str, **options: object) -> str:
        """COPY records into a table; returns the statement's tag."""
        with self._trace(f"COPY {table_name} FROM STDIN"):
            tag: str = await self._connection.copy_records_to_table(table_name, **options)
            return tag

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else asyncpg's connection has
        return getattr(self._connection, name)
