"""Revoke an API key."""

from dataclasses import replace
from uuid import UUID, uuid4

from digital_spiral.application.ports import ApiKeys, Clock, OpenUnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.tenancy import ApiKey
from digital_spiral.domain.errors import Conflict, NotFound


class RevokeKey:
    """Revokes API keys: from then on every request with one is refused."""

    def __init__(self, open_uow: OpenUnitOfWork, clock: Clock) -> None:
        self._open_uow = open_uow
        self._clock = clock

    async def revoke(self, tenant_id: UUID, name_or_prefix: str, actor: str) -> ApiKey:
        """Revoke the key with this name or prefix, note it in the audit log, and return the key.

        Raises:
            NotFound: No key that is not revoked has this name or prefix.
            Conflict: One key has it as its name and another as its prefix.
        """
        now = self._clock()
        async with self._open_uow(tenant_id) as uow:
            key = await _find(uow.api_keys, name_or_prefix)
            if not await uow.api_keys.revoke(key.id, now):
                raise _not_found(name_or_prefix)
            await uow.audit.add(
                AuditEntry(
                    tenant_id=tenant_id,
                    id=uuid4(),
                    at=now,
                    actor=actor,
                    action="keys.revoke",
                    target=str(key.id),
                    details={"name": key.name, "prefix": key.prefix},
                )
            )
            await uow.commit()
        return replace(key, revoked_at=now)


async def _find(keys: ApiKeys, name_or_prefix: str) -> ApiKey:
    not_revoked = [key for key in await keys.list() if key.revoked_at is None]
    found = [key for key in not_revoked if name_or_prefix in (key.name, key.prefix)]
    if not found:
        raise _not_found(name_or_prefix)
    if len(found) > 1:
        raise Conflict(
            f"{name_or_prefix!r} is the name of one API key and the prefix of another. Give the prefix of the first, "
            "or the name of the second."
        )
    return found[0]


def _not_found(name_or_prefix: str) -> NotFound:
    return NotFound(
        f"No API key has the name or prefix {name_or_prefix!r}, or it is revoked already. `digital-spiral keys list` "
        "shows them."
    )
