"""Opening a Jira site: the adapter behind ``ports.OpenJira`` and ``ports.ProbeJira``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from digital_spiral.application.ports import Cipher, Jira, OpenJira, ProbeJira
from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.errors import Invalid
from digital_spiral.infrastructure.external.jira.client import Budget, JiraClient, Timeouts
from digital_spiral.infrastructure.external.jira.failures import IMPATIENT, Patience
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway
from digital_spiral.infrastructure.external.jira.http import httpx
from digital_spiral.infrastructure.external.jira.raw import HashEmail, RawRules
from digital_spiral.infrastructure.external.jira.watch import Watch

DEFAULT_CONCURRENCY = 4
"""Requests at the same time; Atlassian's rate-limiting page advises 5 to 10 at most."""


def jira_opener(
    cipher: Cipher,
    *,
    hash_email: HashEmail,
    concurrency: int = DEFAULT_CONCURRENCY,
    patience: Patience | None = None,
    timeouts: Timeouts | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    watch: Watch | None = None,
) -> OpenJira:
    """How to open a stored instance.

    Args:
        cipher: Opens the stored credentials.
        hash_email: Makes the keyed hash that is kept of an e-mail address.
        concurrency: Requests to one instance at the same time, over all its openings in this process.
        patience: How often and how long to retry.
        timeouts: Time-outs of one request.
        transport: Replaces the network, for tests.
        watch: Is told of each request.
    """
    budgets: WeakValueDictionary[UUID, Budget] = WeakValueDictionary()

    @asynccontextmanager
    async def opened(instance: JiraInstance) -> AsyncIterator[Jira]:
        context = f"{instance.tenant_id}:{instance.id}".encode()
        stored = msgspec.json.decode(cipher.decrypt(instance.credentials, context), type=dict[str, str])
        credentials = Credentials(stored["email"], stored["token"])
        budget = budgets.get(instance.id)
        if budget is None:
            budget = budgets[instance.id] = Budget(concurrency)
        client = _client(instance.base_url, credentials, budget, patience, timeouts, transport, watch)
        async with client:
            yield JiraGateway(client, RawRules(hash_email))

    return opened


def jira_prober(
    *,
    hash_email: HashEmail,
    timeouts: Timeouts | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    watch: Watch | None = None,
) -> ProbeJira:
    """How to open a site with credentials that are not stored yet; gives up early, for somebody waits.

    Args:
        hash_email: Makes the keyed hash that is kept of an e-mail address.
        timeouts: Time-outs of one request.
        transport: Replaces the network, for tests.
        watch: Is told of each request.
    """

    @asynccontextmanager
    async def opened(base_url: str, credentials: Credentials) -> AsyncIterator[Jira]:
        client = _client(base_url, credentials, Budget(1), IMPATIENT, timeouts, transport, watch)
        async with client:
            yield JiraGateway(client, RawRules(hash_email))

    return opened


def _client(
    base_url: str,
    credentials: Credentials,
    budget: Budget,
    patience: Patience | None,
    timeouts: Timeouts | None,
    transport: httpx.AsyncBaseTransport | None,
    watch: Watch | None,
) -> JiraClient:
    try:
        return JiraClient(
            base_url, credentials, budget=budget, patience=patience, timeouts=timeouts, transport=transport, watch=watch
        )
    except httpx.InvalidURL as error:
        raise Invalid(f"{base_url} is not an address: {error}") from error
