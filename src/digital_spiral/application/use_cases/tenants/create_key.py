"""Create an API key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from digital_spiral.application.ports import Clock, OpenUnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.tenancy import ApiKey, Scope
from digital_spiral.domain.errors import Invalid
from digital_spiral.domain.services.api_key_token import new_token

LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class CreatedKey:
    """A new key with its token, which can be read here and never again."""

    key: ApiKey
    token: str = field(repr=False)


class CreateKey:
    """Makes API keys. Of the token only a hash is stored."""

    def __init__(self, open_uow: OpenUnitOfWork, clock: Clock) -> None:
        self._open_uow = open_uow
        self._clock = clock

    async def create(
        self, tenant_id: UUID, *, name: str, scopes: Sequence[Scope], expires_at: datetime | None, actor: str
    ) -> CreatedKey:
        """Create a key and note it in the tenant's audit log.

        Args:
            tenant_id: Whose rows the key opens.
            name: What the key is called; no other key in use has it.
            scopes: What the key may be used for.
            expires_at: The instant from which it is refused; None for never.
            actor: Who does this, for the audit log.

        Raises:
            Invalid: The name is empty, too long or holds unprintable characters; there is no scope; the expiry is
                not in the future.
            Conflict: A key of this name exists that is not revoked.
        """
        now = self._clock()
        name = name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise Invalid(f"The name of an API key has 1 to {LONGEST_NAME} printable characters.")
        if not scopes:
            raise Invalid(f"An API key has at least one scope: {', '.join(Scope)}.")
        if expires_at is not None and expires_at <= now:
            raise Invalid("The expiry of an API key lies in the future.")
        issued = new_token(tenant_id)
        key = ApiKey(
            tenant_id=tenant_id,
            id=uuid4(),
            name=name,
            prefix=issued.prefix,
            secret_hash=issued.secret_hash,
            scopes=[scope for scope in Scope if scope in scopes],
            created_at=now,
            expires_at=expires_at,
        )
        async with self._open_uow(tenant_id) as uow:
            await uow.api_keys.add(key)
            await uow.audit.add(_entry(key, actor))
            await uow.commit()
        return CreatedKey(key=key, token=issued.token)


def _entry(key: ApiKey, actor: str) -> AuditEntry:
    return AuditEntry(
        tenant_id=key.tenant_id,
        id=uuid4(),
        at=key.created_at,
        actor=actor,
        action="keys.create",
        target=str(key.id),
        details={
            "name": key.name,
            "prefix": key.prefix,
            "scopes": " ".join(key.scopes),
            "expires_at": "never" if key.expires_at is None else key.expires_at.isoformat(),
        },
    )
