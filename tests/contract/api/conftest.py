"""A real `digital-spiral api` process on a database in which two tenants each have a copied site."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import yaml

from digital_spiral.application.use_cases.tenants.create_key import CreateKey
from digital_spiral.application.use_cases.tenants.revoke_key import RevokeKey
from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import OWNER_ROLE
from digital_spiral.infrastructure.embedded.servers import stop_servers
from digital_spiral.interfaces.cli.api import READY
from jira_emulator.generate import generate
from jira_emulator.site import Site
from tests.integration.conftest import Database
from tests.integration.sync.conftest import Copy, connect_site, mount

CONTRACT = Path(__file__).resolve().parents[3] / "src/digital_spiral/openapi/digital-spiral.v1.yaml"

Json = dict[str, "Json"]
"""JSON objects as far as these tests look into them."""


@dataclass(frozen=True)
class Copied:
    """A tenant with a copied site, and things of it by which the API is asked.

    Attributes:
        tenant_id: The tenant.
        instance_id: The site.
        run_id: The run that copied it.
        issue_key: An issue with comments, worklogs and a history, whose number no issue of the other tenant has.
        token: A key with every scope.
    """

    tenant_id: UUID
    instance_id: UUID
    run_id: UUID
    issue_key: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """Keys of the first tenant that open nothing, or not everything."""

    expired: str
    revoked: str
    lacking: dict[Scope, str]


@dataclass(frozen=True)
class Served:
    """The running API."""

    address: str
    own: Copied
    other: Copied
    keys: Keys
    log: Path
    database: Database

    def client(self, token: str | None) -> httpx2.Client:
        """A client that sends a key."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx2.Client(base_url=self.address, headers=headers, timeout=30)

    def end_runs(self, tenant_id: UUID) -> None:
        """End the runs that were started, which no worker takes, so that others can be started."""
        asyncio.run(self._end_runs(tenant_id))

    async def _end_runs(self, tenant_id: UUID) -> None:
        open_uow, now = open_unit_of_work(create_single_engine(self.database.app_url)), datetime.now(UTC)
        async with open_uow(tenant_id) as uow:
            for run in await uow.runs.unfinished():
                taken = await uow.runs.take(run.id, now)
                await uow.runs.finish(run.id, taken.epoch, now, None)
            await uow.commit()


@pytest.fixture(scope="session")
def contract() -> Json:
    """The contract as it is written."""
    document: Json = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="session")
def served(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, started as a user starts it."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name)
    migrate.upgrade(postgres.url(OWNER_ROLE, name))
    database = Database(postgres, name)
    own, other, keys = asyncio.run(_populate(database))
    home = tmp_path_factory.mktemp("api") / "home"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "REDIS_URL"} | {
        "DATABASE_URL": database.app_url,
        "DATABASE_OWNER_URL": database.owner_url,
    }
    log = home / "api.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "digital_spiral", "--home", str(home), "api", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=stream,
            env=environment,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), log.read_text()
        yield Served(line.removeprefix(READY).strip(), own, other, keys, log, database)
    finally:
        process.terminate()
        status = process.wait(timeout=20)
        process.stdout.close()
        stop_servers(home)
        postgres.drop_database(name)
    assert status == 0, log.read_text()


def generated(issues: int, seed: int) -> Site:
    """A generated site."""
    site = Site()
    generate(site, issues=issues, seed=seed)
    return site


async def _populate(database: Database) -> tuple[Copied, Copied, Keys]:
    owner = create_single_engine(database.owner_url)
    engine = create_engine(database.app_url)
    try:
        copies = []
        for name, site in (("Acme", generated(200, 5)), ("Globex", generated(40, 11))):
            copies.append(await connect_site(await create_tenant(owner, name), site, engine, mount(site)))
        mine, theirs = copies
        taken = {issue.key for issue in theirs.site.issues.values()}
        return await _copied(mine, taken), await _copied(theirs, set()), await _keys(mine)
    finally:
        await engine.dispose()


async def _copied(copy: Copy, taken: set[str]) -> Copied:
    run = await copy.backfill()
    assert run.state is RunState.SUCCEEDED, run.error
    rich = max(
        (issue for issue in copy.site.issues.values() if issue.key not in taken),
        key=lambda issue: min(len(issue.worklogs), len(issue.comments), len(issue.histories), 2),
    )
    assert rich.worklogs
    assert rich.comments
    assert rich.histories
    token = await _key(copy, "all", list(Scope))
    return Copied(copy.tenant.id, copy.instance.id, run.id, rich.key, token)


async def _key(copy: Copy, name: str, scopes: list[Scope], *, made: datetime | None = None) -> str:
    moment = made or datetime.now(UTC)
    expires_at = moment + timedelta(days=1)
    use_case = CreateKey(copy.open_uow, lambda: moment)
    created = await use_case.create(copy.tenant.id, name=name, scopes=scopes, expires_at=expires_at, actor="tester")
    return created.token


async def _keys(copy: Copy) -> Keys:
    now = datetime.now(UTC)
    expired = await _key(copy, "expired", list(Scope), made=now - timedelta(days=2))
    revoked = await _key(copy, "revoked", list(Scope))
    await RevokeKey(copy.open_uow, lambda: now).revoke(copy.tenant.id, "revoked", "tester")
    lacking = {
        scope: await _key(copy, f"without {scope}", [each for each in Scope if each is not scope]) for scope in Scope
    }
    return Keys(expired, revoked, lacking)
