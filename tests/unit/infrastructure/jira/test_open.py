import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import httpx2
import pytest

from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.errors import Invalid, Unauthorized
from digital_spiral.infrastructure.external.jira.open import jira_opener, jira_prober

TENANT = UUID(int=1)
INSTANCE = UUID(int=2)


class Scripted(Protocol):
    answers: dict[str, Callable[[httpx2.Request], httpx2.Response]]

    def __call__(self, request: httpx2.Request) -> httpx2.Response: ...


class Plain:
    """A cipher that only binds to its context."""

    def encrypt(self, plaintext: bytes, context: bytes) -> bytes:
        return context + b"|" + plaintext

    def decrypt(self, ciphertext: bytes, context: bytes) -> bytes:
        bound, _, plaintext = ciphertext.partition(b"|")
        assert bound == context
        return plaintext


@pytest.fixture
def instance() -> JiraInstance:
    stored = json.dumps({"email": "reader@example.com", "token": "secret"}).encode()
    return JiraInstance(
        tenant_id=TENANT,
        id=INSTANCE,
        name="acme",
        base_url="https://acme.example",
        credentials=Plain().encrypt(stored, f"{TENANT}:{INSTANCE}".encode()),
        account_id="ada",
        time_zone="UTC",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def only_for(email: str, token: str) -> Callable[[httpx2.Request], httpx2.Response]:
    allowed = next(httpx2.BasicAuth(email, token).auth_flow(httpx2.Request("GET", "https://acme.example")))

    def answer(request: httpx2.Request) -> httpx2.Response:
        right = request.headers["authorization"] == allowed.headers["authorization"]
        return httpx2.Response(200, json={"accountId": "ada"}) if right else httpx2.Response(401)

    return answer


async def test_a_stored_instance_opens_with_its_stored_credentials(script: Scripted, instance: JiraInstance) -> None:
    script.answers["/rest/api/3/myself"] = only_for("reader@example.com", "secret")
    open_jira = jira_opener(Plain(), hash_email=str, transport=httpx2.MockTransport(script))
    async with open_jira(instance) as jira, open_jira(instance) as again:
        assert (await jira.account()).account_id == "ada"
        assert (await again.account()).time_zone == "UTC"
        assert (jira.requests, again.requests) == (1, 1)


async def test_probing_uses_the_credentials_it_is_given(script: Scripted) -> None:
    script.answers["/rest/api/3/myself"] = only_for("reader@example.com", "secret")
    probe = jira_prober(hash_email=str, transport=httpx2.MockTransport(script))
    async with probe("https://acme.example", Credentials("reader@example.com", "secret")) as jira:
        assert (await jira.account()).account_id == "ada"
    async with probe("https://acme.example", Credentials("reader@example.com", "old")) as jira:
        with pytest.raises(Unauthorized):
            await jira.account()


async def test_what_is_no_address_is_refused() -> None:
    probe = jira_prober(hash_email=str)
    with pytest.raises(Invalid, match="is not an address"):
        async with probe("https://acme.example:port", Credentials("reader@example.com", "secret")):
            pass
