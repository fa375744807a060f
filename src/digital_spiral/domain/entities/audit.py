"""The audit log: who changed what, and when."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(kw_only=True)
class AuditEntry:
    """One change that somebody made. ``details`` never holds a secret."""

    tenant_id: UUID
    id: UUID
    at: datetime
    actor: str
    action: str
    target: str
    details: dict[str, str] = field(default_factory=dict)
