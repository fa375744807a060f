"""The API of a demo: a key to it, and one real request as the proof that it answers."""

import shlex
import time
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from digital_spiral.application.services import Services
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.domain.errors import NotFound, Unavailable
from digital_spiral.interfaces.cli.output import actor

KEY_NAME = "demo"
PATH = "/v1/issues?limit=1"
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class DemoApi:
    """The API as the demo leaves it: address, key, and what it answered. ``seconds`` is how long that took."""

    url: str
    key: str = field(repr=False)
    status: int
    issue_key: str | None
    summary: str | None
    seconds: float

    @property
    def curl(self) -> str:
        """A shell line that asks the same again."""
        return shlex.join(["curl", "-s", "-H", f"Authorization: Bearer {self.key}", f"{self.url}{PATH}"])


async def make_key(services: Services, tenant_id: UUID) -> str:
    """Return the token of a new key of the demo's tenant; that of an earlier demo opens nothing any more."""
    with suppress(NotFound):  # the first demo in a home has no predecessor
        await services.revoke_key.revoke(tenant_id, KEY_NAME, actor())
    made = await services.create_key.create(
        tenant_id, name=KEY_NAME, scopes=list(Scope), expires_at=None, actor=actor()
    )
    return made.token


async def ask_api(url: str, key: str) -> DemoApi:
    """Ask the API for one issue, as any client would.

    Raises:
        Unavailable: It does not answer, or with something else than a page of issues.
    """
    import httpx2  # the help of all commands does without it

    began = time.monotonic()
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as client:
            answer = await client.get(PATH, headers={"Authorization": f"Bearer {key}"})
        answer.raise_for_status()
        items = orjson.loads(answer.content)["items"]
    except (httpx2.HTTPError, orjson.JSONDecodeError, KeyError) as error:
        raise Unavailable(f"The API at {url} does not answer GET {PATH} as it should: {error}") from error
    first = items[0] if items else {}
    return DemoApi(
        url=url,
        key=key,
        status=answer.status_code,
        issue_key=first.get("key"),
        summary=first.get("summary"),
        seconds=time.monotonic() - began,
    )
