"""A running embedded PostgreSQL: its addresses, and databases made inside it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from digital_spiral.infrastructure.embedded import provisioning
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER

LOCAL_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class PostgresServer:
    """A running embedded PostgreSQL. Its text form shows no password.

    Attributes:
        home: The home it belongs to.
        pid: Process id of the postmaster.
        port: TCP port on 127.0.0.1, also part of the socket's name.
        socket_dir: Folder of the unix socket.
        binaries: Folder of the server's programs.
        passwords: Password by role name.
        password_file: File psql reads the passwords from.
    """

    home: Path
    pid: int
    port: int
    socket_dir: Path
    binaries: Path
    passwords: Mapping[str, str] = field(repr=False)
    password_file: Path

    @property
    def app_url(self) -> str:
        """Address for the application role, in SQLAlchemy's form."""
        return self.url(APP_ROLE)

    @property
    def owner_url(self) -> str:
        """Address for the role that owns the tables, in SQLAlchemy's form."""
        return self.url(OWNER_ROLE)

    @property
    def admin_url(self) -> str:
        """Address for the superuser and the maintenance database; for tests and roles, never for the product."""
        return self.url(SUPERUSER, "postgres")

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the address of `database` for `role` over the unix socket, in SQLAlchemy's form."""
        return provisioning.socket_url(role, self.passwords[role], database, self.socket_dir, self.port)

    def tcp_url(self, role: str, database: str = DATABASE) -> str:
        """Return the address of `database` for `role` over TCP, for programs that know no unix sockets."""
        return f"postgresql+asyncpg://{role}:{self.passwords[role]}@{LOCAL_ADDRESS}:{self.port}/{database}"

    def psql_command(self, settings: Mapping[str, str] | None = None) -> str:
        """Return a shell line that opens psql as the application role.

        The line holds no password: psql reads it from a file in the home that only the caller can read.

        Args:
            settings: Server settings of the session by name, such as the tenant whose rows it shall see.
        """
        options = " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())
        address = (
            f"postgresql://{APP_ROLE}@/{DATABASE}?host={quote(str(self.socket_dir))}&port={self.port}"
            f"&passfile={quote(str(self.password_file))}" + (f"&options={quote(options)}" if options else "")
        )
        return shlex.join([str(self.binaries / "psql"), address])

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database of the owner role with the rights of the product's own.

        Args:
            name: Its name.
            template: The database to copy, which must have no connections; None for an empty one.
        """
        provisioning.create_database(self.admin_url, self.url(SUPERUSER, name), name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending its connections."""
        provisioning.drop_database(self.admin_url, name)
