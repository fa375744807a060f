"""The API with use cases of the tests' own behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import httpx2
import pytest

from digital_spiral.application.ports import ReadinessCheck
from digital_spiral.application.services import Services
from digital_spiral.domain.entities.tenancy import Principal, Scope
from digital_spiral.domain.errors import Unauthenticated
from digital_spiral.interfaces.rest.app import build_api
from digital_spiral.interfaces.rest.operations import Operations

TENANT = UUID(int=7)
TOKEN = "the-key"
METRICS_TOKEN = "the-metrics-token"


@dataclass
class Behind:
    """What is behind the API: every use case answers with ``answer``, or raises it, and notes what it was asked."""

    answer: object = None
    asked: list[tuple[object, ...]] = field(default_factory=list)
    observed: list[tuple[str, str, int]] = field(default_factory=list)
    checks: list[ReadinessCheck] = field(default_factory=list)
    metrics_token: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)

    async def use_case(self, *arguments: object) -> object:
        self.asked.append(arguments)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def authenticate(self, token: str) -> Principal:
        if token != TOKEN:
            raise Unauthenticated
        return Principal(TENANT, "key:abcdefgh", self.scopes)

    async def readiness(self) -> list[ReadinessCheck]:
        return self.checks

    async def render_metrics(self) -> tuple[bytes, str]:
        return b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"

    def services(self) -> Services:
        """The use cases that the routes call."""
        any_use_case = SimpleNamespace(
            list=self.use_case,
            page=self.use_case,
            start=self.use_case,
            of_instance=self.use_case,
            issue=self.use_case,
            comments=self.use_case,
        )
        names = ("instances", "run_status", "start_backfill", "projects", "issues", "issue")
        keys = SimpleNamespace(authenticate=self.authenticate)
        return cast(Services, SimpleNamespace(authenticate=keys, **dict.fromkeys(names, any_use_case)))

    def client(self, token: str | None = TOKEN) -> httpx2.AsyncClient:
        """A client of the API on this; exceptions do not reach it."""
        wiring = Operations(
            version="1.2.3",
            readiness=self.readiness,
            render_metrics=self.render_metrics,
            metrics_token=self.metrics_token,
            observe_request=lambda method, route, status, seconds: self.observed.append((method, route, status)),
        )
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx2.ASGITransport(build_api(self.services(), wiring))
        return httpx2.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[httpx2.AsyncClient]:
    async with behind.client() as made:
        yield made
