"""The state of an API key at an instant."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from digital_spiral.domain.entities.tenancy import ApiKey, KeyState, Scope

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "state"),
    [
        (None, None, KeyState.ACTIVE),
        (NOON + MOMENT, None, KeyState.ACTIVE),
        (NOON, None, KeyState.EXPIRED),
        (NOON - MOMENT, None, KeyState.EXPIRED),
        (None, NOON, KeyState.REVOKED),
        (NOON - MOMENT, NOON, KeyState.REVOKED),
        (NOON + MOMENT, NOON, KeyState.REVOKED),
    ],
)
def test_a_key_opens_something_until_it_expires_or_is_revoked(
    expires_at: datetime | None, revoked_at: datetime | None, state: KeyState
) -> None:
    key = ApiKey(
        tenant_id=uuid4(),
        id=uuid4(),
        name="reports",
        prefix="abcdefgh",
        secret_hash=b"hash",
        scopes=[Scope.READ_ISSUES],
        created_at=NOON - timedelta(days=1),
        expires_at=expires_at,
        revoked_at=revoked_at,
    )
    assert key.state(NOON) is state
    assert "hash" not in repr(key)
