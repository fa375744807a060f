"""What a supervisor asks of the layers below: the embedded servers as processes it can watch."""

from functools import partial

from digital_spiral.bootstrap import telemetry
from digital_spiral.infrastructure.config.home import make_home
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.embedded.folder import home_errors
from digital_spiral.infrastructure.embedded.postgres import postgres_log, start_postgres
from digital_spiral.infrastructure.embedded.process import is_alive
from digital_spiral.infrastructure.embedded.redis import redis_log, start_redis
from digital_spiral.interfaces.cli.runtime import EmbeddedServer


def make_usable_home(settings: Settings) -> None:
    """Make the home when it is missing.

    Raises:
        HomeNotUsable: It cannot be made.
    """
    with home_errors(settings.home):
        make_home(settings.home)


def begin_log(settings: Settings, service: str) -> bool:
    """Write this process's entries as the long-running commands do; return whether they are JSON objects."""
    telemetry.begin_log(settings, service)
    return settings.log_format == "json"


def embedded_servers(settings: Settings) -> list[EmbeddedServer]:
    """Start the embedded servers that do not run, and return them all; external ones are not among them.

    Raises:
        EmbeddedServerError: One cannot be used; the message says what to do next.
    """
    starts = [(settings.database_url, _postgres), (settings.redis_url, _redis)]
    return [start(settings) for external, start in starts if external is None]


def _postgres(settings: Settings) -> EmbeddedServer:
    pid = start_postgres(settings.home, port=settings.postgres_port).pid
    restart = partial(_postgres, settings)
    return EmbeddedServer("postgres", pid, postgres_log(settings.home), partial(is_alive, pid), restart)


def _redis(settings: Settings) -> EmbeddedServer:
    pid = start_redis(settings.home).pid
    restart = partial(_redis, settings)
    return EmbeddedServer("redis", pid, redis_log(settings.home), partial(is_alive, pid), restart)
