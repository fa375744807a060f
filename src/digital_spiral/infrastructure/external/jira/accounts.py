"""Accounts as other things embed them: in every author, assignee and user field."""

from typing import TypeGuard

from digital_spiral.domain.entities.user import User
from digital_spiral.domain.services.digest import canonical, digest_text

_MOST_ACCOUNTS = 20_000


class Accounts:
    """Reads embedded accounts. One that looks as it did before is not built again: there are a dozen per issue."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[dict[str, object], User]] = {}

    def read(self, document: object, into: dict[str, User]) -> str | None:
        """Note the account in ``into``, where the first of several versions stays.

        Returns:
            Its accountId; ``None`` where there is no account, or one that Jira has blanked.
        """
        if not _is_object(document):
            return None
        account_id = document.get("accountId")
        if not isinstance(account_id, str) or not account_id:
            return None
        if account_id not in into:
            known = self._known.get(account_id)
            if known is None or known[0] != document:
                known = (document, embedded_user(account_id, document))
                if len(self._known) >= _MOST_ACCOUNTS:
                    self._known.clear()
                self._known[account_id] = known
            into[account_id] = known[1]
        return account_id


def _is_object(document: object) -> TypeGuard[dict[str, object]]:
    return isinstance(document, dict)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def embedded_user(account_id: str, document: dict[str, object]) -> User:
    """A user of the JSON object that describes the account, in which the address is already its hash."""
    raw = canonical(document)
    return User(
        jira_id=account_id,
        display_name=_text(document.get("displayName")) or "",
        email_hash=_text(document.get("emailAddress")),
        active=document.get("active") is not False,
        account_type=_text(document.get("accountType")),
        time_zone=_text(document.get("timeZone")),
        raw_jsonb=raw,
        content_hash=digest_text(raw),
    )
