"""A generated site behind the real gateway, without a socket between them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import httpx2
import pytest

from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.infrastructure.external.jira.client import Budget, JiraClient
from digital_spiral.infrastructure.external.jira.failures import Patience
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway
from digital_spiral.infrastructure.external.jira.raw import RawRules
from jira_emulator.app import create_app
from jira_emulator.generate import generate
from jira_emulator.limits import Limits
from jira_emulator.site import Site

EMAIL, TOKEN, CONTROL = "admin@example.com", "secret", "control-token"

Opened = Callable[..., AbstractAsyncContextManager["Door"]]


@dataclass
class Door:
    """A gateway to a site, and the site's control door."""

    site: Site
    gateway: JiraGateway
    control: httpx2.AsyncClient
    hashed: list[str] = field(default_factory=list)


@asynccontextmanager
async def opened(site: Site, limits: Limits | None = None, token: str = TOKEN) -> AsyncIterator[Door]:
    app = create_app(site, email=EMAIL, token=TOKEN, control_token=CONTROL, limits=limits)
    transport = httpx2.ASGITransport(app=app)
    client = JiraClient(
        "http://jira.test",
        Credentials(EMAIL, token),
        budget=Budget(4),
        patience=Patience(first=0.0),
        transport=transport,
    )
    headers = {"Authorization": f"Bearer {CONTROL}"}
    control = httpx2.AsyncClient(transport=transport, base_url="http://jira.test/_emulator", headers=headers)
    hashed: list[str] = []

    def hash_email(email: str) -> str:
        hashed.append(email)
        return f"hash of {len(hashed)}"

    async with client, control:
        yield Door(site, JiraGateway(client, RawRules(hash_email)), control, hashed)


@pytest.fixture
def open_door() -> Opened:
    return opened


@pytest.fixture(scope="session")
def generated() -> Site:
    """300 issues with heavy tails; tests only read it."""
    site = Site(zone=ZoneInfo("Europe/Prague"))
    generate(site, issues=300, seed=3)
    return site


@pytest.fixture
async def door(generated: Site) -> AsyncIterator[Door]:
    async with opened(generated) as made:
        yield made
