"""Atlassian accounts."""

from dataclasses import dataclass

from digital_spiral.domain.entities.mirror import JsonText


@dataclass(slots=True, kw_only=True)
class User:
    """An account; ``jira_id`` is the accountId. The e-mail address is kept only as a keyed hash."""

    jira_id: str
    display_name: str
    email_hash: str | None
    active: bool
    account_type: str | None
    time_zone: str | None
    raw_jsonb: JsonText
    content_hash: bytes
