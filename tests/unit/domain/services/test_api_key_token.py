"""Tokens of API keys: one form, read back exactly, and nothing else is read as one."""

import hashlib
import string
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digital_spiral.domain.services.api_key_token import IssuedToken, new_token, parse_token

LENGTH = 3 + 32 + 1 + 8 + 1 + 43
BASE32 = string.ascii_lowercase + "234567"
BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """Texts of the documented form; the last character of 43 holds four bits, so it is every fourth of the alphabet."""
    prefix = draw(st.text(BASE32, min_size=8, max_size=8))
    secret = draw(st.text(BASE64URL, min_size=42, max_size=42)) + draw(st.sampled_from(BASE64URL[::4]))
    return f"ds_{draw(st.uuids()).hex}_{prefix}_{secret}"


token_like = st.one_of(
    tokens(),
    st.text(f"ds_{string.hexdigits}{BASE64URL} \n", max_size=LENGTH + 2),
    st.builds("{}{}".format, tokens(), st.text(max_size=2)),
    st.builds("{}{}".format, st.text(max_size=2), tokens()),
    st.from_regex(r"ds_[0-9A-F]{32}_[\w-]{7,9}_[\w-]{42,44}", fullmatch=True),
)


@given(tenant_id=st.uuids())
def test_a_token_is_read_back_as_it_was_issued(tenant_id: UUID) -> None:
    issued = new_token(tenant_id)
    parsed = parse_token(issued.token)
    assert parsed is not None
    assert (parsed.tenant_id, parsed.prefix, parsed.secret_hash) == (tenant_id, issued.prefix, issued.secret_hash)
    assert len(issued.token) == LENGTH
    assert issued.secret_hash == hashlib.sha256(issued.token.encode()).digest()


@given(text=token_like)
def test_what_is_read_is_what_the_text_says(text: str) -> None:
    parsed = parse_token(text)
    if parsed is not None:
        assert text.startswith(f"ds_{parsed.tenant_id.hex}_{parsed.prefix}_")
        assert parsed.secret_hash == hashlib.sha256(text.encode()).digest()
        assert len(text) == LENGTH


@given(token=tokens())
def test_every_token_of_the_form_is_read(token: str) -> None:
    assert parse_token(token) is not None


@given(data=st.data(), character=st.one_of(st.sampled_from(BASE64URL), st.characters()))
def test_no_changed_character_passes(data: st.DataObject, character: str) -> None:
    """A changed token is either of no form at all, or its hash is another."""
    issued = new_token(uuid4())
    at = data.draw(st.integers(0, LENGTH - 1))
    assume(issued.token[at] != character)
    assert not _passes(issued, issued.token[:at] + character + issued.token[at + 1 :])


@given(at=st.integers(0, LENGTH), character=st.one_of(st.sampled_from(BASE64URL), st.characters()))
def test_no_inserted_or_missing_character_passes(at: int, character: str) -> None:
    issued = new_token(uuid4())
    assert parse_token(issued.token[:at] + character + issued.token[at:]) is None
    assert parse_token(issued.token[:at] + issued.token[at + 1 :]) is None or at == LENGTH


@given(tenant_id=st.uuids(), other=st.uuids())
def test_another_tenants_id_in_a_token_changes_its_hash(tenant_id: UUID, other: UUID) -> None:
    assume(tenant_id != other)
    issued = new_token(tenant_id)
    moved = parse_token(issued.token.replace(tenant_id.hex, other.hex))
    assert moved is not None
    assert (moved.tenant_id, moved.prefix) == (other, issued.prefix)
    assert moved.secret_hash != issued.secret_hash


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token.upper(),
        lambda token: f" {token}",
        lambda token: f"{token}\n",
        lambda token: f"Bearer {token}",
        lambda token: token.replace("ds_", "ds-", 1),
        lambda token: token[:3] + str(UUID(token[3:35])) + token[35:],
        lambda token: token[:3] + "٣" + token[4:],
        lambda token: token[:-1] + "B",
        lambda token: token[:36] + "0" + token[37:],
        lambda token: token[:-43] + "=" + token[-42:],
        lambda token: token[:-1] + "\udcff",
    ],
    ids=[
        "empty",
        "capitals",
        "space",
        "newline",
        "scheme",
        "other-mark",
        "dashed-id",
        "digit-of-another-script",
        "loose-bits",
        "not-base32",
        "padding",
        "lone-surrogate",
    ],
)
def test_other_spellings_are_no_tokens(change: object) -> None:
    assert callable(change)
    assert parse_token(change(new_token(uuid4()).token)) is None


def test_no_two_tokens_are_alike() -> None:
    tenant_id = uuid4()
    issued = [new_token(tenant_id) for _ in range(100)]
    for part in ("token", "prefix", "secret_hash"):
        assert len({getattr(each, part) for each in issued}) == 100


def test_the_secret_is_in_no_text_form() -> None:
    issued = new_token(uuid4())
    parsed = parse_token(issued.token)
    assert issued.prefix in repr(issued)
    for shown in (repr(issued), repr(parsed)):
        assert issued.token[-43:] not in shown
        assert "secret_hash" not in shown


def _passes(issued: IssuedToken, text: str) -> bool:
    parsed = parse_token(text)
    return parsed is not None and parsed.secret_hash == issued.secret_hash
