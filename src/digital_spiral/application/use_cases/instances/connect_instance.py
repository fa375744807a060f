"""Connect a Jira site, or give a connected one new credentials."""

import ipaddress
import json
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit
from uuid import UUID, uuid4

from digital_spiral.application.ports import Account, Cipher, Clock, OpenUnitOfWork, ProbeJira, UnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.errors import Conflict, Invalid

CLOUD_SUFFIX = ".atlassian.net"
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A connected site: what is stored, whose account reads it, and the permissions a full copy would need too."""

    instance: JiraInstance
    account: Account
    missing_permissions: list[str]
    created: bool


class ConnectInstance:
    """Checks an address and credentials against Jira and stores them encrypted."""

    def __init__(self, open_uow: OpenUnitOfWork, probe_jira: ProbeJira, cipher: Cipher, clock: Clock) -> None:
        self._open_uow = open_uow
        self._probe_jira = probe_jira
        self._cipher = cipher
        self._clock = clock

    async def connect(
        self, tenant_id: UUID, *, base_url: str, credentials: Credentials, name: str | None, actor: str
    ) -> Connection:
        """Connect a site, or replace the credentials of the one with this address.

        Args:
            tenant_id: Whose site it becomes.
            base_url: The site's address; plain http only for this machine.
            credentials: E-mail address and API token; they are tried out before anything is stored.
            name: What to call the site; without one, a name is made from the address.
            actor: Who does this, for the audit log.

        Raises:
            Invalid: Address, name or credentials cannot be right.
            Conflict: The name belongs to another site, or the site has another name.
            Unauthorized, Forbidden, RateLimited, Unavailable, UnreadableAnswer: As Jira answered.
        """
        address = normalise_address(base_url)
        if not credentials.email.strip() or not credentials.token.strip():
            raise Invalid("Both an e-mail address and an API token are needed.")
        if name is not None and not (name.strip() and name.isprintable()):
            raise Invalid("The name of a Jira site has at least one printable character.")
        async with self._probe_jira(address, credentials) as jira:
            account = await jira.account()
            missing = await jira.missing_permissions()
        async with self._open_uow(tenant_id) as uow:
            known = next((each for each in await uow.instances.list() if each.base_url == address), None)
            instance = self._instance(tenant_id, known, address, account, credentials, name)
            await self._store(uow, instance, actor, created=known is None)
            await uow.commit()
        return Connection(instance=instance, account=account, missing_permissions=missing, created=known is None)

    def _instance(
        self,
        tenant_id: UUID,
        known: JiraInstance | None,
        address: str,
        account: Account,
        credentials: Credentials,
        name: str | None,
    ) -> JiraInstance:
        name = None if name is None else name.strip()
        if known is not None and name not in (None, known.name):
            raise Conflict(
                f"{address} is connected as {known.name} already. Leave the name out to replace its credentials."
            )
        instance_id = uuid4() if known is None else known.id
        secret = json.dumps({"email": credentials.email.strip(), "token": credentials.token.strip()}).encode()
        encrypted = self._cipher.encrypt(secret, f"{tenant_id}:{instance_id}".encode())
        if known is not None:
            return replace(known, credentials=encrypted, account_id=account.account_id, time_zone=account.time_zone)
        return JiraInstance(
            tenant_id=tenant_id,
            id=instance_id,
            name=name or _name_of(address),
            base_url=address,
            credentials=encrypted,
            account_id=account.account_id,
            time_zone=account.time_zone,
            created_at=self._clock(),
        )

    async def _store(self, uow: UnitOfWork, instance: JiraInstance, actor: str, *, created: bool) -> None:
        if created:
            await uow.instances.add(instance)
        else:
            await uow.instances.replace_credentials(instance)
        await uow.audit.add(
            AuditEntry(
                tenant_id=instance.tenant_id,
                id=uuid4(),
                at=self._clock(),
                actor=actor,
                action="instance.connect" if created else "instance.replace_credentials",
                target=str(instance.id),
                details={"name": instance.name, "address": instance.base_url, "account": instance.account_id},
            )
        )


def normalise_address(base_url: str) -> str:
    """The one spelling of a site's address: scheme and host in lower case, no final slash, no default port.

    Of a Jira Cloud address only the host counts, so a link copied from the browser will do. Without a scheme it is
    https.

    Raises:
        Invalid: It is no address of a web site, holds a password, or is plain http to another machine.
    """
    text = base_url.strip()
    parts, port = _parsed(text if "://" in text else f"https://{text}", text)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in DEFAULT_PORTS or not host or any(c.isspace() or not c.isprintable() for c in text):
        raise Invalid(f"{text!r} is no address of a Jira site; it looks like https://example.atlassian.net.")
    if parts.username is not None or parts.password is not None:
        raise Invalid("Give e-mail address and token on their own, not inside the address.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Invalid(f"Plain http would send the token in clear to {host}. Use https.")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{shown}:{port}"
    path = "" if host.endswith(CLOUD_SUFFIX) else parts.path.rstrip("/")
    return f"{parts.scheme}://{authority}{path}"


def _parsed(address: str, given: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(address)
        return parts, parts.port
    except ValueError:
        raise Invalid(f"{given!r} is no address: its host or port cannot be read.") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(address: str) -> str:
    authority = urlsplit(address).netloc
    return authority.removesuffix(CLOUD_SUFFIX)
