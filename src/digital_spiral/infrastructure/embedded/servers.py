"""Which PostgreSQL and which Redis this installation uses: the ones it was told of, else the embedded ones."""

from dataclasses import dataclass, field
from pathlib import Path

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.embedded.postgres import start_postgres, stop_postgres
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.redis import RedisServer, broker_url, start_redis, stop_redis


@dataclass(frozen=True)
class Servers:
    """Addresses of the two servers. Their text form shows no password.

    Attributes:
        database_url: PostgreSQL for the application role, in SQLAlchemy's form.
        owner_url: The same database for the owner role; None when an external one was named without it, which
            is enough for everything but migrations.
        redis_url: Redis, in redis-py's form.
        postgres: The embedded PostgreSQL, None when an external one is used.
        redis: The embedded Redis, None when an external one is used.
    """

    database_url: str = field(repr=False)
    owner_url: str | None = field(repr=False)
    redis_url: str = field(repr=False)
    postgres: PostgresServer | None
    redis: RedisServer | None

    @property
    def broker_url(self) -> str:
        """Address of Redis in the form Celery takes."""
        return broker_url(self.redis_url)


def ensure_servers(settings: Settings) -> Servers:
    """Return the servers of the settings; those that were not named are started in the home.

    Raises:
        Misconfigured: Only the owner's address of an external database was given.
        EmbeddedServerError: An embedded server cannot be used; the message says what to do next.
    """
    if settings.database_owner_url is not None and settings.database_url is None:
        raise Misconfigured(
            "DATABASE_OWNER_URL is set but DATABASE_URL is not. Set both: the first is for migrations, the second "
            "for everything else and must be another role."
        )
    if settings.database_url is not None:
        postgres = None
        database_url = settings.database_url.get_secret_value()
        owner_url = settings.database_owner_url.get_secret_value() if settings.database_owner_url else None
    else:
        postgres = start_postgres(settings.home, port=settings.postgres_port)
        database_url, owner_url = postgres.app_url, postgres.owner_url
    if settings.redis_url is not None:
        redis, redis_url = None, settings.redis_url.get_secret_value()
    else:
        redis = start_redis(settings.home)
        redis_url = redis.url
    return Servers(database_url, owner_url, redis_url, postgres, redis)


def stop_servers(home: Path) -> list[str]:
    """Stop the embedded servers of `home` and return the names of those that were running.

    Raises:
        ServerFailed: One did not end.
    """
    stopped = {"Redis": stop_redis(home), "PostgreSQL": stop_postgres(home)}
    return [name for name, was_running in stopped.items() if was_running]
