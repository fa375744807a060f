"""Tenants: the companies that share one installation and must never see each other's rows, and their API keys."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(kw_only=True)
class Tenant:
    """A company. Every other row in the store belongs to exactly one."""

    id: UUID
    name: str
    created_at: datetime


class Scope(StrEnum):
    """What a key may be used for."""

    READ_INSTANCES = "instances:read"
    READ_SYNC = "sync:read"
    WRITE_SYNC = "sync:write"
    READ_ISSUES = "issues:read"


class KeyState(StrEnum):
    """Whether a key opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(kw_only=True)
class ApiKey:
    """A tenant's key to the API. Of the secret only a hash is kept.

    ``prefix`` is the part that may be shown: it names the key, and a request's key is looked up by it.
    """

    tenant_id: UUID
    id: UUID
    name: str
    prefix: str
    secret_hash: bytes = field(repr=False)
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        """The key's state at an instant; a revoked key is that first, expired or not."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, as proven by its credential: the only source of a request's tenant.

    ``actor`` is the form the audit log keeps.
    """

    tenant_id: UUID
    actor: str
    scopes: frozenset[Scope]
