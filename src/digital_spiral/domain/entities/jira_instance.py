"""A Jira site that a tenant has connected."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Credentials:
    """An Atlassian account's e-mail address and API token, in clear. Never stored, never logged."""

    email: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(kw_only=True)
class JiraInstance:
    """A connected Jira site.

    ``credentials`` is the encrypted form (AES-256-GCM under the installation's master key); ``time_zone`` is the
    zone of the connected account, in which Jira reads the date literals of its JQL.
    """

    tenant_id: UUID
    id: UUID
    name: str
    base_url: str
    credentials: bytes = field(repr=False)
    account_id: str
    time_zone: str
    created_at: datetime
