"""Find out who a request comes from."""

import hmac
import logging
from datetime import datetime, timedelta

from digital_spiral.application.ports import Clock, OpenUnitOfWork
from digital_spiral.domain.entities.tenancy import ApiKey, KeyState, Principal
from digital_spiral.domain.errors import Unauthenticated, Unavailable
from digital_spiral.domain.services.api_key_token import parse_token

log = logging.getLogger(__name__)

BETWEEN_NOTES = timedelta(minutes=1)
"""A key's last use is noted at most this often, so that most requests write nothing."""


class Authenticate:
    """Turns an API key's token into the principal that it proves."""

    def __init__(self, open_uow: OpenUnitOfWork, clock: Clock) -> None:
        self._open_uow = open_uow
        self._clock = clock

    async def authenticate(self, token: str) -> Principal:
        """Return the tenant and the scopes that the token stands for, and note the key's use.

        The token's own tenant is set before its key is looked up, so row-level security holds here as well: with
        another tenant's id in it, a token finds no key, or one of another hash.

        Raises:
            Unauthenticated: The token is malformed or unknown, or its key has expired or was revoked; one sentence
                for all, because which it is concerns nobody who lacks the key.
            Unavailable: The database cannot be read just now.
        """
        claimed = parse_token(token)
        if claimed is None:
            raise Unauthenticated
        async with self._open_uow(claimed.tenant_id) as uow:
            key = await uow.api_keys.by_prefix(claimed.prefix)
        now = self._clock()
        if key is None or not hmac.compare_digest(key.secret_hash, claimed.secret_hash):
            raise Unauthenticated
        if key.state(now) is not KeyState.ACTIVE:
            raise Unauthenticated
        await self._note_use(key, now)
        return Principal(tenant_id=key.tenant_id, actor=f"key:{key.prefix}", scopes=frozenset(key.scopes))

    async def _note_use(self, key: ApiKey, now: datetime) -> None:
        """Write ``last_used_at`` when it is due. A database that takes no writes must not stop those who read."""
        if key.last_used_at is not None and key.last_used_at > now - BETWEEN_NOTES:
            return
        try:
            async with self._open_uow(key.tenant_id) as uow:
                await uow.api_keys.used(key.id, now, unless_since=now - BETWEEN_NOTES)
                await uow.commit()
        except Unavailable as error:
            log.warning("The use of the API key %s could not be noted: %s", key.prefix, error)
