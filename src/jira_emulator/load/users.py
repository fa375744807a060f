"""The accounts of a site, derived from the user objects inside issues."""

import hashlib
import re

import orjson

from jira_emulator import wire
from jira_emulator.load.shapes import text
from jira_emulator.model import User
from jira_emulator.site import Site
from jira_emulator.wire import Json

_NAMES = ("accountId", "key", "name", "displayName")
"""What may name an account, the most reliable first. Cloud gives ``accountId`` only, v2 Server the others."""


class Users:
    """Finds or creates the one account behind every user object of a source."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[str, dict[str, User]] = {name: {} for name in _NAMES}
        self._known["accountId"].update(site.users)
        self._emails = {user.email for user in site.users.values() if user.email is not None}
        self._shapes: dict[str, orjson.Fragment] = {}

    def account(self, raw: object) -> User | None:
        """The account of a v2 or v3 user object; ``None`` when the object names nobody."""
        if not isinstance(raw, dict):
            return None
        named = False
        for name in _NAMES:
            value = raw.get(name)
            if isinstance(value, str) and value:
                user = self._known[name].get(value)
                if user is not None:
                    return user
                named = True
            # Two people may share what comes next: nothing counts beside an account id, a display name only alone.
            if named and name in ("accountId", "name"):
                break
        return self._create(raw)

    def shape(self, raw: object) -> orjson.Fragment | None:
        """The account as answers embed it, ready-made JSON."""
        user = self.account(raw)
        return None if user is None else self.shape_of(user)

    def shape_of(self, user: User) -> orjson.Fragment:
        """A known account as answers embed it, ready-made JSON."""
        shape = self._shapes.get(user.account_id)
        if shape is None:
            shape = self._shapes[user.account_id] = orjson.Fragment(orjson.dumps(wire.user(user)))
        return shape

    def named(self, name: str) -> User | None:
        """The account with this id, key or user name, as mentions and histories give it."""
        for kind in ("accountId", "name", "key"):
            user = self._known[kind].get(name)
            if user is not None:
                return user
        return None

    def _create(self, raw: Json) -> User | None:
        account_id = text(raw.get("accountId"))
        identity = next((value for name in _NAMES[1:] if (value := text(raw.get(name)))), None)
        if account_id is None and identity is None:
            return None
        if account_id is None:
            account_id = hashlib.sha256(f"account:{identity}".encode(errors="replace")).hexdigest()[:24]
        user = self._site.users.get(account_id)
        if user is None:
            user = User(
                account_id,
                text(raw.get("displayName")) or identity or "Former user",
                email=text(raw.get("emailAddress")) or self._email(account_id, text(raw.get("name")) or identity),
                active=raw.get("active") is not False,
                time_zone=text(raw.get("timeZone")) or "UTC",
                account_type="app" if raw.get("accountType") == "app" else "atlassian",
            )
            self._site.users[account_id] = user
        self._known["accountId"][account_id] = user
        # A display name identifies an account only where nothing better does: two people may share one.
        for name in ("key", "name") if identity != raw.get("displayName") else ("displayName",):
            value = text(raw.get(name))
            if value is not None:
                self._known[name].setdefault(value, user)
        return user

    def _email(self, account_id: str, name: str | None) -> str | None:
        """An address for about half of the accounts; the others hide theirs, as privacy settings allow."""
        digest = hashlib.sha256(f"email:{account_id}".encode(errors="replace")).digest()
        if digest[0] % 2:
            return None
        local = re.sub(r"[^a-z0-9._-]+", ".", (name or "user").lower()).strip(".") or "user"
        email = f"{local}@example.com"
        if email in self._emails:
            email = f"{local}-{digest[1:5].hex()}@example.com"
        self._emails.add(email)
        return email
