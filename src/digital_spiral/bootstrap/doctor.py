"""`digital-spiral doctor`: everything a working installation needs, looked at one by one."""

import asyncio
import platform
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from digital_spiral.bootstrap.services import build_jira_opener
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.errors import SpiralError, Unavailable
from digital_spiral.infrastructure.config.home import make_home
from digital_spiral.infrastructure.config.secrets import KEY_FILE, MasterKey, load_master_key
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.repositories.tenants import tenant_ids
from digital_spiral.infrastructure.database.roles import check_application_role
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.folder import home_errors, server_account
from digital_spiral.infrastructure.embedded.postgres_binaries import find_postgres
from digital_spiral.infrastructure.embedded.redis import find_redis
from digital_spiral.infrastructure.embedded.servers import Servers, ensure_servers
from digital_spiral.interfaces.cli.runtime import Check

MINIMUM_PYTHON = (3, 11)
MINIMUM_FREE_BYTES = 1_000_000_000
"""What a copy of 27,000 issues takes. The write-ahead log of the embedded server grows to twice as much beside it."""
PING_SECONDS = 5.0


async def diagnose(settings: Settings) -> list[Check]:
    """Look at Python, home, key, servers, role, schema and every connected site; nothing is changed.

    Embedded servers that do not run are started, as any other command would.
    """
    checks = [
        _python(),
        await _check("PostgreSQL programs", lambda: _found_postgres(settings)),
        await _check("Redis program", lambda: _found_redis(settings)),
        await _check("home", lambda: _home(settings.home)),
        await _check("master key", lambda: _master_key(settings)),
    ]
    try:
        servers = await asyncio.to_thread(ensure_servers, settings)
    except SpiralError as error:
        return [*checks, _failed("servers", error)]
    checks += [
        await _check("Redis", lambda: _ping(servers)),
        await _check("database role", lambda: _role(servers)),
        await _check("schema", lambda: _schema(servers)),
    ]
    if not all(check.ok for check in checks):
        return checks
    return checks + await _instances(settings, servers)


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name, ok=True, detail=await look())
    except SpiralError as error:
        return _failed(name, error)


def _failed(name: str, error: SpiralError) -> Check:
    return Check(name, ok=False, detail=error.code, advice=str(error))


def _python() -> Check:
    version = platform.python_version()
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    fits = sys.version_info >= MINIMUM_PYTHON
    return Check("Python", ok=fits, detail=version, advice="" if fits else f"Install Python {wanted} or newer.")


async def _found_postgres(settings: Settings) -> str:
    if settings.database_url is not None:
        return "not needed: DATABASE_URL is set"
    return str(find_postgres(settings.home / "postgres", server_account()).folder)


async def _found_redis(settings: Settings) -> str:
    return "not needed: REDIS_URL is set" if settings.redis_url is not None else find_redis()


async def _home(home: Path) -> str:
    with home_errors(home):
        probe = make_home(home) / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(home).free
    if free < MINIMUM_FREE_BYTES:
        raise Unavailable(
            f"Only {free / 1e6:.0f} MB are free on the file system of {home}. Free some space, or choose another home."
        )
    return f"{home}, {free / 1e9:.0f} GB free"


async def _master_key(settings: Settings) -> str:
    path = settings.home / KEY_FILE
    if settings.master_key is None and not path.exists():
        return f"none yet; it will be made in {path}"
    load_master_key(settings)
    if settings.master_key is not None:
        return "from DIGITAL_SPIRAL_MASTER_KEY"
    return f"{path}, mode {stat.S_IMODE(path.stat().st_mode):04o}"


async def _ping(servers: Servers) -> str:
    def ping() -> str:
        client = Redis.from_url(servers.redis_url, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS)
        try:
            client.ping()
            return f"version {client.info('server')['redis_version']}"
        except (RedisError, OSError) as error:
            raise Unavailable(f"Redis does not answer ({error}). Is it running? Check REDIS_URL.") from error
        finally:
            client.close()

    return await asyncio.to_thread(ping)


async def _role(servers: Servers) -> str:
    await check_application_role(create_single_engine(servers.database_url))
    return "reads and writes rows of one tenant at a time, and no more"


async def _schema(servers: Servers) -> str:
    current, head = await asyncio.to_thread(migrate.current, servers.database_url), migrate.head()
    if current != head:
        raise Unavailable(f"It is at {current or 'none'}, not at {head}. Run `digital-spiral db upgrade`.")
    return f"revision {current}"


async def _instances(settings: Settings, servers: Servers) -> list[Check]:
    """Ask every connected site of every tenant who we are there."""
    engine = create_single_engine(servers.database_url)
    open_uow = open_unit_of_work(engine)
    instances: list[JiraInstance] = []
    for tenant_id in await tenant_ids(engine):
        async with open_uow(tenant_id) as uow:
            instances += await uow.instances.list()
    key = load_master_key(settings)
    return [await _check(f"site {each.name}", partial(_account, settings, key, each)) for each in instances]


async def _account(settings: Settings, key: MasterKey, instance: JiraInstance) -> str:
    async with build_jira_opener(settings, key)(instance) as jira:
        account = await jira.account()
    return f"{instance.base_url} answers {account.display_name}"
