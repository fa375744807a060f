"""Tenants: the companies that share one installation and must never see each other's rows."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(kw_only=True)
class Tenant:
    """A company. Every other row in the store belongs to exactly one."""

    id: UUID
    name: str
    created_at: datetime
